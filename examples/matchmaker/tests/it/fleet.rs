//! A fleet of the command's servers, and its clients, each a process: players find slots, and come
//! back after their server is gone.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use serde_json::Value;

use crate::world::programs::{Event, GameServer, Program, Site};
use crate::world::{PATIENCE, client};

/// Short times, so that losses are seen soon. Slots stay reserved for longer than the tests take,
/// unless servers name their clients.
const SHORT: &str = "--timeout 2 --token-lifetime 600 --silent-after 3 --address-burst 1000 \
                     --account-burst 1000000 --account-rate 1000000";

/// Players, and where each of them plays.
struct Crowd {
    programs: BTreeMap<String, Program>,
    /// Addresses of their servers, while they are connected.
    playing: BTreeMap<String, String>,
    /// Players that were told that no slot is free.
    refused: Vec<String>,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

impl Crowd {
    fn new() -> Self {
        let (sender, events) = channel();
        Self {
            programs: BTreeMap::new(),
            playing: BTreeMap::new(),
            refused: Vec::new(),
            sender,
            events,
        }
    }

    fn join(&mut self, site: &Site, player: &str) {
        let program = site.play(player, "", &self.sender);
        self.programs.insert(player.to_owned(), program);
    }

    /// Ends a player's program, as Ctrl-C does.
    fn leave(&mut self, player: &str) {
        let mut program = self.programs.remove(player).unwrap();
        program.signal("INT");
        assert!(program.wait());
        self.playing.remove(player);
    }

    /// Takes events until something is the case.
    fn until(&mut self, wanted: &str, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so(self) {
            let left = end.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok((player, event)) => self.take(player, &event),
                Err(_) => panic!("not in time: {wanted}; playing: {:?}", self.playing),
            }
        }
    }

    fn take(&mut self, player: String, event: &Value) {
        let reason = event["reason"].as_str().unwrap_or_default();
        match (event["event"].as_str().unwrap(), &event["state"]) {
            ("state", state) if state == "connected" => {
                let server = event["server"].as_str().unwrap().to_owned();
                self.playing.insert(player, server);
            }
            ("state", _) => {
                self.playing.remove(&player);
            }
            ("retry", _) if reason.contains("no server with these labels has a free slot") => {
                self.refused.push(player);
            }
            _ => {}
        }
    }

    /// Players at a server.
    fn at(&self, server: &GameServer) -> Vec<String> {
        let there = self.playing.iter().filter(|(_, at)| **at == server.address);
        there.map(|(player, _)| player.clone()).collect()
    }
}

/// Server as an operator sees it.
async fn listed(site: &Site, name: &str) -> Value {
    let list = client().get(format!("{}/v1/servers", site.url));
    let list = list.bearer_auth(site.api_key("op")).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    let servers = list["servers"].as_array().unwrap();
    let server = servers.iter().find(|it| it["id"] == name);
    server.unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn players_fill_a_fleet_and_move_when_a_server_is_killed_or_drained() {
    let players: Vec<String> = (1..=15).map(|number| format!("p{number}")).collect();
    let site = Site::start(&players, SHORT);
    let serve = |name: &str| site.serve(name, "--max-clients 4 --drain 1");
    let [mut one, mut two, three] = ["eu-1", "eu-2", "eu-3"].map(serve);
    let mut crowd = Crowd::new();
    for player in &players[..14] {
        crowd.join(&site, player);
    }
    crowd.until("12 play, 2 are refused", |it| {
        it.playing.len() == 12 && it.refused.len() >= 2
    });
    for server in [&one, &two, &three] {
        assert_eq!(crowd.at(server).len(), 4);
    }
    let refusal = site.fail_to_play("p15");
    assert_eq!(
        refusal,
        "netcode: the matchmaker refuses (503 no-free-slot): no server with these labels has a \
         free slot\n"
    );

    // Room for the two that wait.
    let four = serve("eu-4");
    crowd.until("those refused play", |it| it.playing.len() == 14);
    assert_eq!(crowd.at(&four).len(), 2);

    // Room for all of a server that is killed.
    for player in &crowd.at(&three)[..2] {
        crowd.leave(player);
    }
    let moving = crowd.at(&one);
    one.program.signal("KILL");
    crowd.until("those of the killed server left it", |it| {
        it.at(&one).is_empty()
    });
    crowd.until("they play elsewhere", |it| it.playing.len() == 12);
    assert!(
        moving
            .iter()
            .all(|player| crowd.playing.contains_key(player))
    );
    assert!(!one.program.wait());

    let five = serve("eu-5");
    let moving = crowd.at(&two);
    assert_eq!(moving.len(), 4);
    two.program.signal("TERM");
    two.log.wait_for("draining");
    crowd.until("those of the drained server play at the new one", |it| {
        it.at(&five) == moving
    });
    assert!(two.program.wait());
    let drained = listed(&site, "eu-2").await;
    assert_eq!(drained["heartbeat"]["draining"], true);
    assert_eq!(drained["heartbeat"]["connected"], 0);
    // A slot does not count twice, once as taken and once as reserved.
    let end = Instant::now() + PATIENCE;
    while listed(&site, "eu-5").await["reserved"] != 0 {
        assert!(Instant::now() < end, "slots stay reserved");
    }
    assert_eq!(listed(&site, "eu-5").await["free"], 0);
    assert_eq!(crowd.playing.len(), 12);
    while let Some(player) = crowd.programs.keys().next().cloned() {
        crowd.leave(&player);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_is_told_while_players_are_still_there() {
    // Regular heartbeats are far apart.
    let site = Site::start(
        &["alice".into()],
        "--silent-after 3600 --account-burst 1000000 --account-rate 1000000",
    );
    let mut server = site.serve("eu-1", "--drain 30");
    let mut crowd = Crowd::new();
    crowd.join(&site, "alice");
    crowd.until("alice plays", |it| it.playing.len() == 1);
    server.program.signal("TERM");
    let end = Instant::now() + PATIENCE;
    while listed(&site, "eu-1").await["heartbeat"]["draining"] != true {
        assert!(Instant::now() < end, "the matchmaker is not told");
    }
    assert_eq!(listed(&site, "eu-1").await["heartbeat"]["connected"], 1);
    crowd.leave("alice");
    assert!(server.program.wait());
    assert_eq!(listed(&site, "eu-1").await["heartbeat"]["connected"], 0);
}

#[test]
fn a_client_goes_on_with_its_payloads_at_the_next_server() {
    let site = Site::start(&["alice".into()], SHORT);
    let servers = ["eu-1", "eu-2"].map(|name| site.serve(name, "--max-clients 1"));
    let (sender, events) = channel();
    let words = "--send hello --count 200 --rate 100";
    let mut program = site.play("alice", words, &sender);
    drop(sender);
    let (mut played, mut drained, mut done) = (Vec::new(), false, Value::Null);
    while let Ok((_, event)) = events.recv_timeout(PATIENCE) {
        match event["event"].as_str().unwrap() {
            "token" => played.push(event["servers"][0].as_str().unwrap().to_owned()),
            "payload" if !drained => {
                drained = true;
                let server = servers.iter().find(|it| it.address == played[0]);
                server.unwrap().program.signal("TERM");
            }
            "done" => done = event,
            _ => {}
        }
    }
    assert!(program.wait());
    played.dedup();
    assert_eq!(played.len(), 2, "{played:?}");
    assert_eq!(done["sent"], 200);
}
