//! Placement: tables of situations, and random histories.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use matchmaker::api::Code;
use matchmaker::placement::{Ask, FixedList, Fleet, FleetConfig, Placed, Placement};
use matchmaker::store::{Heartbeat, ServerId, Store};
use netcode_std::ClientId;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::world::{file_store, heartbeat};

const FOREVER: Duration = Duration::from_secs(3600);

fn fleet(store: &Arc<dyn Store>, alternatives: usize) -> Fleet {
    let config = FleetConfig {
        token_lifetime: Duration::from_secs(45),
        silent_after: FOREVER,
        alternatives,
    };
    Fleet::new(Arc::clone(store), config)
}

fn ask(client: u64, labels: &[(&str, &str)]) -> Ask {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Ask {
        client: ClientId(client),
        labels: labels.iter().map(pair).collect(),
    }
}

fn ports(placed: &Placed) -> Vec<u16> {
    placed.addresses.iter().map(|it| it.public.port()).collect()
}

/// Server of the table: port, capacity, connected, draining, region.
type Row = (u16, u32, u32, bool, &'static str);
/// Servers, labels that a player asks for, and the port of the server that is chosen.
type Case = (
    &'static [Row],
    &'static [(&'static str, &'static str)],
    Option<u16>,
);

async fn store_of(rows: &[Row], folder: &TempDir) -> Arc<dyn Store> {
    let store = file_store(folder);
    for &(port, capacity, connected, draining, region) in rows {
        let beat = Heartbeat {
            draining,
            labels: BTreeMap::from([("region".to_owned(), region.to_owned())]),
            ..heartbeat(port, capacity, connected)
        };
        let id = ServerId::new(&format!("s{port}")).unwrap();
        store.heartbeat(&id, &beat, FOREVER).await.unwrap();
    }
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fullest_server_with_a_free_slot_and_the_labels_is_chosen() {
    let table: [Case; 8] = [
        (&[], &[], None),
        (&[(1, 4, 0, false, "eu")], &[], Some(1)),
        (
            &[(1, 4, 1, false, "eu"), (2, 4, 3, false, "eu")],
            &[],
            Some(2),
        ),
        (
            &[(1, 4, 1, false, "eu"), (2, 4, 4, false, "eu")],
            &[],
            Some(1),
        ),
        (
            &[(1, 4, 1, false, "eu"), (2, 4, 3, true, "eu")],
            &[],
            Some(1),
        ),
        (
            &[(1, 4, 1, false, "eu"), (2, 4, 3, false, "us")],
            &[("region", "eu")],
            Some(1),
        ),
        (&[(1, 4, 1, false, "eu")], &[("region", "us")], None),
        (&[(1, 4, 1, false, "eu")], &[("map", "any")], None),
    ];
    for (rows, labels, expected) in table {
        let folder = TempDir::new().unwrap();
        let store = store_of(rows, &folder).await;
        let placed = fleet(&store, 0).place(&ask(7, labels)).await;
        match placed {
            Ok(placed) => assert_eq!(
                Some(ports(&placed)),
                expected.map(|it| vec![it]),
                "{rows:?}"
            ),
            Err(refusal) => {
                assert_eq!(refusal.code, Code::NoFreeSlot);
                assert!(refusal.retry_after.is_some());
                assert_eq!(expected, None, "{rows:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_names_one_server_unless_alternatives_are_asked_for() {
    let rows = [
        (1, 4, 3, false, "eu"),
        (2, 4, 2, false, "eu"),
        (3, 4, 4, false, "eu"),
        (4, 4, 1, false, "eu"),
        (5, 4, 1, true, "eu"),
    ];
    for (alternatives, expected) in [
        (0, &[1][..]),
        (1, &[1, 2]),
        (2, &[1, 2, 4]),
        (9, &[1, 2, 4]),
    ] {
        let folder = TempDir::new().unwrap();
        let store = store_of(&rows, &folder).await;
        let placed = fleet(&store, alternatives)
            .place(&ask(7, &[]))
            .await
            .unwrap();
        assert_eq!(ports(&placed), expected);
        // The first alone keeps a slot.
        let reserved: u32 = store
            .servers()
            .await
            .unwrap()
            .iter()
            .map(|it| it.reserved)
            .sum();
        assert_eq!(reserved, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_given_back_is_free() {
    let folder = TempDir::new().unwrap();
    let store = store_of(&[(1, 1, 0, false, "eu")], &folder).await;
    let fleet = fleet(&store, 0);
    let placed = fleet.place(&ask(7, &[])).await.unwrap();
    fleet.place(&ask(8, &[])).await.unwrap_err();
    fleet.give_back(&ask(7, &[]), &placed).await;
    fleet.place(&ask(8, &[])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_names_the_addresses_of_a_server_that_has_just_started_again() {
    let folder = TempDir::new().unwrap();
    let store = store_of(&[(1, 4, 0, false, "eu")], &folder).await;
    let fleet = fleet(&store, 0);
    // The placement has seen the server at its first address.
    fleet.place(&ask(7, &[])).await.unwrap();
    let id = ServerId::new("s1").unwrap();
    store
        .heartbeat(&id, &heartbeat(9, 4, 0), FOREVER)
        .await
        .unwrap();
    let placed = fleet.place(&ask(8, &[])).await.unwrap();
    assert_eq!(ports(&placed), [9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_addresses_go_with_their_public_ones() {
    let folder = TempDir::new().unwrap();
    let store = file_store(&folder);
    let mut beat = heartbeat(1, 1, 0);
    beat.addresses = ["203.0.113.7:1", "[2001:db8::7]:1"]
        .map(|it| it.parse().unwrap())
        .into();
    beat.internal_addresses = ["10.0.0.7:1", "[fd00::7]:1"]
        .map(|it| it.parse().unwrap())
        .into();
    let id = ServerId::new("a").unwrap();
    store.heartbeat(&id, &beat, FOREVER).await.unwrap();
    let placed = fleet(&store, 0).place(&ask(7, &[])).await.unwrap();
    let internal: Vec<SocketAddr> = placed.addresses.iter().map(|it| it.internal).collect();
    assert_eq!(internal, beat.internal_addresses);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_list_takes_turns() {
    let servers = [1, 2, 3].map(|port| SocketAddr::new([127, 0, 0, 1].into(), port));
    let list = FixedList::new(servers.into(), 1);
    let mut turns = Vec::new();
    for client in 0..4 {
        turns.push(ports(&list.place(&ask(client, &[])).await.unwrap()));
    }
    assert_eq!(turns, [[1, 2], [2, 3], [3, 1], [1, 2]]);
    let labelled = list.place(&ask(0, &[("region", "eu")])).await;
    assert_eq!(labelled.unwrap_err().code, Code::NoFreeSlot);
    let none = FixedList::new(Vec::new(), 0).place(&ask(0, &[])).await;
    assert_eq!(none.unwrap_err().code, Code::NoFreeSlot);
}

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    /// A player asks.
    Ask(u64),
    /// A server reports. Players that hold a token and are due connect first, so many of them.
    Beat {
        server: usize,
        joining: usize,
        leaving: usize,
        draining: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let beat = (
        0..3_usize,
        0..4_usize,
        0..3_usize,
        prop::bool::weighted(0.1),
    );
    let beat = beat.prop_map(|(server, joining, leaving, draining)| Step::Beat {
        server,
        joining,
        leaving,
        draining,
    });
    prop::collection::vec(
        prop_oneof![2 => (0..12_u64).prop_map(Step::Ask), 1 => beat],
        1..60,
    )
}

/// Game server of the model.
#[derive(Default)]
struct Game {
    capacity: usize,
    connected: Vec<u64>,
    /// Players with a token that they have not used.
    expected: Vec<u64>,
    draining: bool,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    /// Whatever the order of requests and heartbeats, a server never holds more players than slots,
    /// even if everybody with a token comes.
    #[test]
    fn connected_players_and_promises_never_exceed_the_capacity(
        capacities in prop::array::uniform3(1..5_usize),
        steps in steps(),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(run(capacities, steps));
    }
}

async fn run(capacities: [usize; 3], steps: Vec<Step>) {
    let folder = TempDir::new().unwrap();
    let store = file_store(&folder);
    let fleet = fleet(&store, 0);
    let mut games = capacities.map(|capacity| Game {
        capacity,
        ..Game::default()
    });
    for (server, game) in games.iter().enumerate() {
        beat(&store, server, game).await;
    }
    for step in steps {
        match step {
            Step::Ask(player) => {
                // One who plays does not ask.
                if games.iter().any(|it| it.connected.contains(&player)) {
                    continue;
                }
                let Ok(placed) = fleet.place(&ask(player, &[])).await else {
                    continue;
                };
                let game = &mut games[usize::from(ports(&placed)[0]) - 1];
                assert!(!game.draining, "sent to a draining server");
                if !game.expected.contains(&player) {
                    game.expected.push(player);
                }
                let taken = game.connected.len() + game.expected.len();
                assert!(taken <= game.capacity, "{taken} of {}", game.capacity);
            }
            Step::Beat {
                server,
                joining,
                leaving,
                draining,
            } => {
                let game = &mut games[server];
                game.draining = draining;
                let leaving = leaving.min(game.connected.len());
                game.connected.drain(..leaving);
                let joining = joining.min(game.expected.len());
                game.connected.extend(game.expected.drain(..joining));
                beat(&store, server, game).await;
            }
        }
    }
}

async fn beat(store: &Arc<dyn Store>, server: usize, game: &Game) {
    let port = u16::try_from(server + 1).unwrap();
    let count = |it: usize| u32::try_from(it).unwrap();
    let beat = Heartbeat {
        clients: game.connected.iter().map(ToString::to_string).collect(),
        draining: game.draining,
        ..heartbeat(port, count(game.capacity), count(game.connected.len()))
    };
    let id = ServerId::new(&format!("s{port}")).unwrap();
    store.heartbeat(&id, &beat, FOREVER).await.unwrap();
}
