//! The tool itself, tested with servers and clients that have one deliberate fault each: exactly the
//! checks of the rule that is missing fail.
//!
//! The faults are those of `netcode-sim/faults.toml`. `NETCODE_FAULTY_HARNESS` names the harness of
//! our implementation (`harness_ours`) from a build that has all of them, each turned on by the
//! environment variable `NETCODE_FAULT`. `cargo xtask sabotage` builds it and runs the ignored test here.

use std::collections::BTreeSet;
use std::sync::Mutex;

use netcode_conform::{Report, Role};

use crate::harness::{KeyFile, everything, run_client_with, run_server, server};

/// A deliberate fault, and the checks that must fail for it.
struct Fault {
    name: &'static str,
    role: Role,
    fails: &'static [&'static str],
}

const fn in_server(name: &'static str, fails: &'static [&'static str]) -> Fault {
    Fault {
        name,
        role: Role::Server,
        fails,
    }
}

const fn in_client(name: &'static str, fails: &'static [&'static str]) -> Fault {
    Fault {
        name,
        role: Role::Client,
        fails,
    }
}

const FAULTS: &[Fault] = &[
    in_server(
        "replayed_packets_pass",
        &[
            "replay.payload",
            "replay.old-payload",
            "replay.outer-edge",
            "replay.far-behind",
            "replay.edge-once",
            "replay.jump",
            "replay.multiple-of-the-window",
            "replay.near-the-top",
            "replay.first-packets",
            "replay.all-types",
            "replay.keep-alive",
            "disconnect.replayed-type",
        ],
    ),
    in_server(
        "replay_window_of_128",
        &[
            "replay.inner-edge",
            "replay.edge-once",
            "replay.near-the-top",
            "replay.first-packets",
        ],
    ),
    in_server(
        "replay_window_moves_before_the_mac",
        &[
            "payload.other-key",
            "payload.associated-data",
            "replay.forged-moves-nothing",
            "replay.forged-marks-nothing",
        ],
    ),
    in_server(
        "mac_ignored",
        &[
            "request.not-sealed",
            "payload.other-key",
            "payload.associated-data",
            "replay.forged-moves-nothing",
            "replay.forged-marks-nothing",
            "timeout.forged-keeps-nothing",
            "disconnect.forged",
            "hardening.second-token-of-an-address",
        ],
    ),
    in_server(
        "sequence_of_no_bytes_passes",
        &["payload.no-sequence-bytes"],
    ),
    in_server("empty_payloads_pass", &["payload.empty"]),
    in_server("short_sequences_are_padded", &["packet.minimal-sequence"]),
    in_server(
        "expired_tokens_pass",
        &["request.expired", "request.expires-now"],
    ),
    in_server("tokens_live_a_second_longer", &["request.expires-now"]),
    in_server("other_protocol_ids_pass", &["request.protocol-id"]),
    in_server("tokens_for_other_servers_pass", &["request.other-server"]),
    in_server("consumed_tokens_pass", &["hardening.token-used-once"]),
    in_server("tokens_are_not_consumed", &["hardening.token-used-once"]),
    in_server(
        "tokens_move_between_addresses",
        &["history.pending-elsewhere", "history.other-port"],
    ),
    in_server(
        "connected_ids_connect_again",
        &["request.id-connected", "history.two-tokens-of-one-id"],
    ),
    in_server(
        "connected_addresses_connect_again",
        &["request.address-connected"],
    ),
    in_server(
        "denied_with_a_free_slot",
        &[
            "denied.request",
            "denied.response",
            "denied.form",
            "denied.global-sequence",
            "denied.bad-request",
            "denied.changes-no-session",
            "denied.place-again",
            "denied.every-slot",
        ],
    ),
    in_server(
        "full_servers_are_silent",
        &[
            "denied.request",
            "denied.form",
            "denied.global-sequence",
            "denied.changes-no-session",
            "denied.place-again",
        ],
    ),
    in_server(
        "challenges_answer_for_any_token",
        &[
            "hardening.challenge-own-token",
            "hardening.challenge-own-id",
            "hardening.challenge-user-data",
        ],
    ),
    in_server(
        "challenge_sequence_stands_still",
        &["challenge.sequences-differ"],
    ),
    in_server(
        "global_sequences_begin_at_zero",
        &["hardening.restart-shares-no-nonce"],
    ),
    in_server(
        "global_sequences_share_the_lower_half",
        &["challenge.global-sequence", "denied.global-sequence"],
    ),
    in_server("timeout_of_zero_is_at_once", &["timeout.zero"]),
    in_server(
        "negative_timeouts_time_out",
        &["timeout.negative", "timeout.most-negative"],
    ),
    in_server("slots_without_a_word_stay", &["hardening.unconfirmed-slot"]),
    in_server(
        "half_open_connections_stay",
        &["hardening.challenge-expires"],
    ),
    in_server("half_open_by_address_alone", &["request.newer-token"]),
    in_server("no_host_limit", &["hardening.half-open-flood"]),
    in_server(
        "no_keep_alive_before_a_payload",
        &["keep-alive.before-confirmed"],
    ),
    in_server(
        "keep_alive_names_slot_zero",
        &["response.slots-differ", "denied.every-slot"],
    ),
    in_server("one_disconnect_packet", &["disconnect.redundant"]),
    in_server(
        "forged_disconnects_end_sessions",
        &["disconnect.forged", "disconnect.replayed-type"],
    ),
    in_client(
        "client_takes_replayed_packets",
        &[
            "client.replay.payload",
            "client.replay.old-payload",
            "client.replay.outer-edge",
            "client.replay.jump",
            "client.replay.near-the-top",
            "client.timeout.forged-keeps-nothing",
            "client.disconnect.replayed-sequence",
        ],
    ),
    in_client(
        "replay_window_of_128",
        &["client.replay.inner-edge", "client.replay.near-the-top"],
    ),
    in_client(
        "mac_ignored",
        &[
            "client.challenge.flipped",
            "client.challenge.other-key",
            "client.challenge.associated-data",
            "client.denied.forged",
            "client.accept.flipped",
            "client.payload.other-key",
            "client.payload.associated-data",
            "client.replay.forged-moves-nothing",
            "client.timeout.forged-keeps-nothing",
            "client.disconnect.forged",
            "client.survival.requesting",
            "client.survival.responding",
            "client.survival.connected",
        ],
    ),
    in_client("empty_payloads_pass", &["client.survival.authentic"]),
    in_client(
        "short_sequences_are_padded",
        &["client.packet.minimal-sequence"],
    ),
    in_client(
        "client_sequence_restarts",
        &["client.hardening.two-servers-one-nonce"],
    ),
    in_client("timeout_of_zero_is_at_once", &["client.timeout.zero"]),
    in_client(
        "negative_timeouts_time_out",
        &[
            "client.request.negative-timeout",
            "client.request.lifetime",
            "client.timeout.negative",
        ],
    ),
    in_client(
        "client_sends_at_3_hz",
        &[
            "client.request.rate",
            "client.challenge.response-rate",
            "client.keep-alive.rate",
        ],
    ),
    in_client(
        "client_sends_one_disconnect",
        &["client.disconnect.redundant"],
    ),
    in_client(
        "client_listens_to_anyone",
        &[
            "client.challenge.other-address",
            "client.denied.next-address",
            "client.denied.response-next-address",
            "client.denied.other-address",
            "client.accept.other-address",
            "client.payload.other-address",
            "client.disconnect.other-address",
        ],
    ),
    in_client(
        "client_takes_packets_in_any_state",
        &["client.challenge.later", "client.denied.connected"],
    ),
    in_client(
        "client_tries_for_ever",
        &[
            "client.request.lifetime",
            "client.request.lifetime-over-all",
        ],
    ),
    in_client(
        "client_gives_up_after_one_denial",
        &[
            "client.denied.next-address",
            "client.denied.response-next-address",
        ],
    ),
    in_client(
        "client_moves_on_after_a_disconnect",
        &["client.disconnect.no-next-address"],
    ),
    in_client(
        "client_waits_three_timeouts",
        &[
            "client.request.times-out",
            "client.request.next-address",
            "client.response.times-out",
            "client.response.next-address",
            "client.hardening.two-servers-one-nonce",
            "client.timeout.ends",
            "client.timeout.forged-keeps-nothing",
        ],
    ),
    in_client(
        "client_event_lost",
        &[
            "client.response.times-out",
            "client.timeout.ends",
            "client.timeout.forged-keeps-nothing",
        ],
    ),
];

/// Runs at the same time. They wait most of the time.
const SIDE_BY_SIDE: usize = 6;

#[test]
#[ignore = "needs a harness with all faults: cargo xtask sabotage"]
fn every_fault_fails_exactly_its_checks() {
    let program = std::env::var("NETCODE_FAULTY_HARNESS").unwrap();
    let healthy = |role| failed(&run(&program, "", role));
    assert_eq!(healthy(Role::Client), BTreeSet::new());
    let from_here = healthy(Role::Server);
    // Without a restart rule, which would hide that expired tokens pass.
    assert_eq!(
        from_here,
        BTreeSet::from(["hardening.restart-refuses-used-tokens"])
    );

    let queue = Mutex::new(FAULTS.iter());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(fault) = next else { break };
                    let mut expected: BTreeSet<_> = fault.fails.iter().copied().collect();
                    if fault.role == Role::Server {
                        expected.extend(&from_here);
                    }
                    let report = run(&program, fault.name, fault.role);
                    let seen = failed(&report);
                    if seen != expected {
                        let text = format!("{}:\n  seen {seen:?}\n  not {expected:?}", fault.name);
                        wrong.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fault_is_named_once_and_fails_checks_that_exist() {
    let mut names = BTreeSet::new();
    let checks = netcode_conform::server_checks();
    let ids: BTreeSet<_> = checks
        .iter()
        .chain(&netcode_conform::client_checks())
        .map(|about| about.id)
        .collect();
    for fault in FAULTS {
        let role = format!("{:?}", fault.role);
        assert!(
            names.insert((fault.name, role)),
            "{} is there twice",
            fault.name
        );
        for id in fault.fails {
            assert!(ids.contains(id), "{}: no check is called {id}", fault.name);
        }
    }
    assert!(names.len() >= 30);
}

fn failed(report: &Report) -> BTreeSet<&'static str> {
    report.failed().into_iter().collect()
}

/// Runs all checks of a role against the harness with one fault.
fn run(program: &str, fault: &str, role: Role) -> Report {
    let fault = format!("NETCODE_FAULT={fault}");
    match role {
        Role::Client => run_client_with(program, &fault, &everything()),
        Role::Server => {
            let key = KeyFile::new();
            let mut target = server(program, &key, &[]);
            // Programs are started with an environment of their own by `env`.
            if let Some(start) = &mut target.start {
                start.splice(0..0, ["env".to_owned(), fault]);
            }
            run_server(target, &everything())
        }
    }
}
