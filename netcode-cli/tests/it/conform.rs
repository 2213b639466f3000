//! `netcode conform`, against the command's own server and client. `netcode-conform` tests the checks.

use serde_json::Value;

use crate::command::{Server, fail, folder, run, succeed};

#[test]
fn the_server_of_this_command_passes_the_checks_of_the_replay_window() {
    let folder = folder("conform");
    let server = Server::start(&folder, "--max-clients 64");
    let options = "--protocol-id 42 --key game.key --echo --only replay. --junit report.xml --json";
    let report = succeed(
        &folder,
        &format!("conform server {} {options}", server.address),
    );
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["conformance"]["fail"], 0);
    assert!(report["conformance"]["pass"].as_u64().unwrap() >= 16);
    assert_eq!(report["first_look"]["max_clients"], 64);
    let junit = std::fs::read_to_string(folder.join("report.xml")).unwrap();
    assert!(junit.contains("replay.outer-edge"), "{junit}");
}

#[test]
fn a_failed_check_is_exit_code_1_with_the_evidence() {
    let folder = folder("conform-fails");
    // A relay sends a payload to all but its sender, so nothing comes back.
    let server = Server::start(&folder, "--relay");
    let options = "--protocol-id 42 --key game.key --echo --only payload.1-byte";
    let output = run(
        &folder,
        &format!("conform server {} {options}", server.address),
    );
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("FAIL payload.1-byte"), "{text}");
    assert!(text.contains("→ client: payload of 1 bytes"), "{text}");
}

#[test]
fn the_client_of_this_command_connects_as_the_standard_says() {
    let folder = folder("conform-client");
    let command = format!("{} client {{token}}", env!("CARGO_BIN_EXE_netcode"));
    let output = crate::command::netcode(&folder)
        .args(["conform", "client", "--command", &command])
        .args(["--only", "client.request", "--only", "client.denied"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("client.denied.next-address"), "{text}");
}

#[test]
fn the_checks_can_be_listed_without_anything_to_check() {
    let folder = folder("conform-list");
    let servers = succeed(&folder, "conform server --list");
    assert!(servers.lines().count() > 150, "{servers}");
    let some = succeed(&folder, "conform client --list --only client.replay");
    assert_eq!(some.lines().skip(1).count(), 8, "{some}");
}

#[test]
fn where_nothing_is_to_be_checked_the_exit_code_is_2() {
    let folder = folder("conform-nothing");
    let missing = fail(
        &folder,
        "conform client --command does-not-exist --only client.replay",
        2,
    );
    assert!(missing.contains("could be started"), "{missing}");
    let options = "--protocol-id 42 --key game.key --only replya";
    let none = fail(&folder, &format!("conform server 127.0.0.1:9 {options}"), 2);
    assert!(none.contains("replya"), "{none}");
    fail(&folder, "conform server 127.0.0.1:9", 2);
    fail(&folder, "conform client", 2);
}

#[test]
fn a_network_that_loses_datagrams_is_not_blamed_on_the_server() {
    let folder = folder("conform-loss");
    let server = Server::start(&folder, "--max-clients 64 --loss 5");
    let options = "--protocol-id 42 --key game.key --echo --only replay. --json";
    let report = succeed(
        &folder,
        &format!("conform server {} {options}", server.address),
    );
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["conformance"]["fail"], 0, "{report}");
}
