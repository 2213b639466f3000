//! Forms of the feature `serde`: JSON for text, postcard for binary formats.

use std::num::NonZeroU32;
use std::time::Duration;

use netcode_core::address::AddressList;
use netcode_core::client::ClientState;
use netcode_core::server::{DisconnectReason, ReconnectRule, RestartRule, SourceLimit};
use netcode_core::{ClientId, ClientIndex, Dropped, ProtocolId, Sequence, Timeout, UnixTime};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::network::{EPOCH, config, key, server_address, storage};

fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// Asserts the JSON of a value, and that it is the same after JSON and after postcard.
fn round_trips<T>(value: &T, expected: Value)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    assert_eq!(to_json(value), expected);
    assert_eq!(&serde_json::from_value::<T>(expected).unwrap(), value);
    let bytes = postcard::to_allocvec(value).unwrap();
    assert_eq!(&postcard::from_bytes::<T>(&bytes).unwrap(), value);
}

proptest! {
    #[test]
    fn ids_are_text_in_json_and_numbers_elsewhere(number: u64) {
        let text = json!(number.to_string());
        round_trips(&ClientId(number), text.clone());
        round_trips(&ProtocolId(number), text.clone());
        round_trips(&Sequence(number), text);
        let bytes = postcard::to_allocvec(&ClientId(number)).unwrap();
        prop_assert_eq!(bytes, postcard::to_allocvec(&number).unwrap());
        let read: ClientId = serde_json::from_value(json!(number)).unwrap();
        prop_assert_eq!(read, ClientId(number));
    }
}

#[test]
fn an_id_that_is_no_number_of_64_bits_is_refused_with_what_is_expected() {
    for text in [
        "-1",
        "1.5",
        "18446744073709551616",
        "\"18446744073709551616\"",
        "\"-1\"",
        "\"0x10\"",
        "\"\"",
        "null",
        "true",
    ] {
        let error = serde_json::from_str::<ClientId>(text).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("a number from 0 to 18446744073709551615"),
            "{text}: {error}"
        );
    }
}

#[test]
fn ids_are_keys_of_json_objects() {
    let map = std::collections::BTreeMap::from([(ClientId(u64::MAX), 1)]);
    let text = serde_json::to_string(&map).unwrap();
    assert_eq!(text, "{\"18446744073709551615\":1}");
    let read: std::collections::BTreeMap<ClientId, i32> = serde_json::from_str(&text).unwrap();
    assert_eq!(read, map);
}

#[test]
fn small_numbers_are_numbers() {
    round_trips(&ClientIndex(7), json!(7));
    round_trips(&Timeout::from_secs(10), json!(10));
    round_trips(&Timeout::NEVER, json!(-1));
    round_trips(&UnixTime::from_secs(1_800_000_000), json!(1_800_000_000));
}

#[test]
fn rules_and_limits_are_named_in_snake_case() {
    let max_token_lifetime = Duration::from_secs(45);
    round_trips(
        &RestartRule::RefuseOlder { max_token_lifetime },
        json!({"refuse_older": {"max_token_lifetime_secs": 45}}),
    );
    round_trips(&RestartRule::AdmitAgain, json!("admit_again"));
    round_trips(
        &ReconnectRule::ReplaceByNewerToken,
        json!("replace_by_newer_token"),
    );
    round_trips(
        &SourceLimit::OneIn(NonZeroU32::new(4).unwrap()),
        json!({"one_in": 4}),
    );
    round_trips(&SourceLimit::Unlimited, json!("unlimited"));
}

#[test]
fn reasons_and_states_have_the_names_of_logs_and_metrics() {
    for &reason in Dropped::ALL {
        round_trips(&reason, json!(reason.name()));
    }
    for reason in [
        DisconnectReason::ByClient,
        DisconnectReason::ByServer,
        DisconnectReason::TimedOut,
        DisconnectReason::ServerStopped,
        DisconnectReason::Replaced,
    ] {
        round_trips(&reason, json!(reason.name()));
    }
    for state in [
        ClientState::ConnectTokenExpired,
        ClientState::InvalidConnectToken,
        ClientState::ConnectionTimedOut,
        ClientState::ConnectionResponseTimedOut,
        ClientState::ConnectionRequestTimedOut,
        ClientState::ConnectionDenied,
        ClientState::Disconnected,
        ClientState::SendingConnectionRequest,
        ClientState::SendingConnectionResponse,
        ClientState::Connected,
    ] {
        round_trips(&state, json!(state.name()));
    }
}

#[test]
fn a_list_of_addresses_is_a_sequence_of_at_most_32() {
    let addresses = ["10.0.0.1:40000", "[2001:db8::1]:40000"];
    let list = AddressList::new(&addresses.map(|it| it.parse().unwrap())).unwrap();
    round_trips(&list, json!(addresses));
    round_trips(&AddressList::EMPTY, json!([]));
    let many = json!(vec!["10.0.0.1:1"; 33]);
    let error = serde_json::from_value::<AddressList>(many).unwrap_err();
    assert_eq!(error.to_string(), "a token names 1 to 32 server addresses");
}

#[test]
fn a_configuration_is_written_without_its_key() {
    let config = config(4);
    let expected = json!({
        "protocol_id": config.protocol_id.to_string(),
        "addresses": [server_address().to_string()],
        "max_clients": 4,
        "handshake_timeout_ms": 10_000,
        "restart_rule": "admit_again",
        "reconnect_rule": "refuse",
        "per_host": {"one_in": 4},
        "per_id": {"one_in": 16},
        "opens_per_second": 10_000,
    });
    assert_eq!(to_json(&config), expected);
    let bytes = postcard::to_allocvec(&config).unwrap();
    let key = key();
    assert!(!bytes.windows(32).any(|part| part == key.as_bytes()));
}

#[test]
fn statistics_name_the_reasons_that_occurred_and_the_unit_of_durations() {
    let mut server = netcode_core::server::Server::new(storage(), config(4)).unwrap();
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1);
    let now = netcode_core::Instant::ZERO;
    server.start(now, EPOCH, &mut rng).unwrap();
    for len in [0, 5, 40] {
        let from = "10.0.0.9:9".parse().unwrap();
        server
            .handle_datagram(now, from, &mut vec![0xff; len])
            .unwrap_err();
    }
    let expected = json!({
        "datagrams_in": 3, "bytes_in": 45, "datagrams_out": 0, "bytes_out": 0,
        "payloads_in": 0, "payloads_out": 0, "challenges": 0, "denied": 0, "connects": 0,
        "dropped": {"too_short": 2, "type": 1},
    });
    assert_eq!(to_json(server.stats()), expected);
    postcard::to_allocvec(server.stats()).unwrap();

    let mut stats = netcode_core::ConnectionStats::default();
    assert_eq!(to_json(&stats)["handshake_round_trip_us"], Value::Null);
    stats.handshake_round_trip = Some(Duration::from_millis(12));
    assert_eq!(to_json(&stats)["handshake_round_trip_us"], 12_000);
}
