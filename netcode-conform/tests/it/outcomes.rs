//! Reports, selection, and what a bad network or a dead server looks like.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

use netcode_conform::{
    Group, Options, ServerTarget, Verdict, check_server, client_checks, list, server_checks,
};

use crate::harness::{KEY, KeyFile, PROTOCOL_ID, example, run_server, server, server_over_ipv6};

fn only(prefixes: &[&str]) -> Options {
    Options {
        only: prefixes.iter().map(|&it| it.to_owned()).collect(),
        ..Options::default()
    }
}

#[test]
fn there_are_more_than_eighty_checks_of_each_role_and_every_id_is_one_check() {
    for checks in [server_checks(), client_checks()] {
        let conformance = checks.iter().filter(|it| it.group == Group::Conformance);
        assert!(conformance.count() > 80);
        let ids: BTreeSet<_> = checks.iter().map(|it| it.id).collect();
        assert_eq!(ids.len(), checks.len());
        let text = list(&checks);
        for about in checks {
            assert!(about.id.contains('.') && !about.rule.is_empty());
            assert!(text.contains(about.id) && text.contains(about.section));
        }
    }
}

#[test]
fn a_report_says_the_same_in_text_json_and_junit() {
    let key = KeyFile::new();
    let target = server(&example("harness_netcode_rs"), &key, &[]);
    let report = run_server(
        target,
        &only(&["payload.1200-bytes", "payload.100-bytes", "request.ipv6"]),
    );
    assert_eq!(report.failed(), ["payload.1200-bytes"]);
    let verdicts: Vec<_> = report
        .outcomes
        .iter()
        .map(|it| (it.about.id, it.verdict.as_str()))
        .collect();
    assert_eq!(
        verdicts,
        [
            ("request.ipv6-in-list", "pass"),
            ("request.ipv6", "not observable"),
            ("payload.100-bytes", "pass"),
            ("payload.1200-bytes", "fail"),
        ]
    );

    let json = report.to_json();
    assert_eq!(json["conformance"]["fail"], 1);
    let failed = &json["checks"][3];
    assert_eq!(
        (&failed["id"], &failed["verdict"]),
        (&"payload.1200-bytes".into(), &"fail".into())
    );
    assert_eq!(failed["section"], "Connection Payload Packet");
    let sent = failed["evidence"].as_array().unwrap().iter();
    let sent = sent.filter(|it| it["direction"] == "sent");
    let lengths: Vec<_> = sent
        .map(|it| it["bytes"].as_str().unwrap().len() / 2)
        .collect();
    assert!(
        lengths.contains(&1078) && lengths.contains(&1218),
        "{lengths:?}"
    );

    let junit = report.to_junit().unwrap();
    assert!(
        junit.contains("tests=\"4\"") && junit.contains("failures=\"1\""),
        "{junit}"
    );
    let text = report.to_text();
    assert!(text.contains("FAIL payload.1200-bytes"), "{text}");
    assert!(text.contains("NOT OBSERVABLE request.ipv6"), "{text}");
    assert!(
        text.contains("conformance: 2 pass, 1 fail, 1 not observable"),
        "{text}"
    );
}

#[test]
fn a_server_that_crashed_is_named_with_the_datagram_and_started_again() {
    let key = KeyFile::new();
    let target = server(&example("harness_renetcode"), &key, &[]);
    let options = only(&["survival.from-connected", "survival.session-goes-on"]);
    let report = run_server(target, &options);
    assert_eq!(report.failed(), ["survival.from-connected"]);
    let reason = report.outcomes[0].verdict.reason().unwrap();
    // Of a server that answers slowly, as on a busy machine, a few datagrams are named together.
    let named = reason.contains(" after prefix 0x") || reason.contains(", from prefix 0x");
    assert!(named && reason.contains("panicked at"), "{reason}");
}

#[test]
fn a_server_that_crashed_and_cannot_be_started_again_ends_the_run() {
    let key = KeyFile::new();
    let target = server(&example("harness_renetcode"), &key, &[]);
    let [program, arguments @ ..] = target.start.as_deref().unwrap() else {
        panic!("no command");
    };
    let mut process = std::process::Command::new(program)
        .args(arguments)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let target = ServerTarget {
        start: None,
        ..target
    };
    let options = only(&["survival.from-connected", "survival.authentic-bodies"]);
    let report = run_server(target, &options);
    let _ = process.kill();
    let _ = process.wait();
    assert_eq!(report.failed(), ["survival.from-connected"]);
    let Verdict::NotObservable(reason) = &report.outcomes[1].verdict else {
        panic!("{}", report.to_text());
    };
    assert!(reason.contains("survival.from-connected"), "{reason}");
}

#[test]
fn where_no_server_is_the_error_says_what_to_look_at() {
    // Bound, so that nothing else answers there, and silent.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let target = ServerTarget {
        address,
        public_address: address,
        protocol_id: PROTOCOL_ID,
        key: KEY,
        echo: false,
        token_lifetime: None,
        start: None,
    };
    let error = check_server(target, &Options::default(), &|_| ()).unwrap_err();
    assert!(error.to_string().contains("--public-address"), "{error}");
}

#[test]
fn without_time_nothing_is_decided() {
    let key = KeyFile::new();
    let target = server(&example("harness_ours"), &key, &[]);
    let options = Options {
        budget: Duration::ZERO,
        ..only(&["payload."])
    };
    let report = run_server(target, &options);
    assert!(!report.outcomes.is_empty());
    for outcome in &report.outcomes {
        assert_eq!(
            (outcome.verdict.as_str(), outcome.attempts),
            ("not observable", 0)
        );
    }
}

#[test]
fn a_server_that_sends_nothing_back_is_not_blamed_for_it() {
    let key = KeyFile::new();
    let mut target = server(&example("harness_ours"), &key, &["mute"]);
    target.echo = false;
    let report = run_server(target, &only(&["replay.payload", "keep-alive.body"]));
    assert_eq!(
        report.outcomes[0].verdict,
        Verdict::Pass,
        "{}",
        report.to_text()
    );
    assert_eq!(report.outcomes[1].verdict.as_str(), "not observable");
}

#[test]
fn an_ipv6_address_is_little_endian_groups_to_two_servers_and_octets_to_two() {
    let key = KeyFile::new();
    for (harness, reads_groups) in [
        ("harness_ours", true),
        ("harness_official", true),
        ("harness_netcode_rs", false),
        ("harness_renetcode", false),
    ] {
        let Some(target) = server_over_ipv6(&example(harness), &key) else {
            return;
        };
        match check_server(target, &only(&["request."]), &|_| ()) {
            Ok(report) => {
                assert!(reads_groups, "{harness}");
                assert!(report.is_good(), "{}", report.to_text());
                let ipv6 = report
                    .outcomes
                    .iter()
                    .find(|it| it.about.id == "request.ipv6");
                assert_eq!(ipv6.unwrap().verdict, Verdict::Pass);
            }
            Err(error) => {
                assert!(!reads_groups, "{harness}: {error}");
                assert!(error.to_string().contains("little-endian"), "{error}");
            }
        }
    }
}
