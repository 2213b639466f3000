//! A server as a service manager, Prometheus and an orchestrator see it.

#[cfg(unix)]
use std::io::Write as _;
use std::path::Path;

use crate::command::{FLEET, SERVER, Server, fail, folder, get, netcode, succeed};
#[cfg(unix)]
use crate::command::{client, mint};

fn endpoint(server: &mut Server) -> String {
    let line = server.wait_for("metrics at");
    line["address"].as_str().unwrap().to_owned()
}

#[test]
fn figures_of_a_server_are_served_and_all_of_them_are_documented() {
    let folder = folder("metrics");
    let mut server = Server::start(
        &folder,
        &format!("--metrics 127.0.0.1:0 --max-clients 5 {FLEET}"),
    );
    let address = endpoint(&mut server);
    server.mint(&folder, 7);
    succeed(&folder, "client 7.token --send hello --count 3 --rate 100");
    server.wait_for("client left");
    // Published at the end of the turn in which the client left.
    let sample = "netcode_server_disconnects_total{reason=\"by_client\"} 1\n";
    let mut page = get(&address, "/metrics");
    while !page.contains(sample) || !page.contains("netcode_server_clients 0\n") {
        page = get(&address, "/metrics");
    }
    for sample in [
        "netcode_server_slots 5\n",
        "netcode_server_open 1\n",
        "netcode_server_handshakes_total{outcome=\"connected\"} 1\n",
        "netcode_server_payloads_total{direction=\"in\"} 3\n",
        "netcode_server_payloads_total{direction=\"out\"} 3\n",
        "netcode_server_dropped_total{reason=\"token_unauthentic\"} 0\n",
        "netcode_server_turn_seconds_bucket{le=\"+Inf\"}",
        "netcode_server_send_seconds_count",
        "netcode_server_build_info{version=",
        "netcode_server_heartbeats_total{outcome=\"accepted\"} 0\n",
        "netcode_server_heartbeat_age_seconds ",
    ] {
        assert!(page.contains(sample), "{sample}: {page}");
    }
    assert!(page.ends_with("# EOF\n"));

    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    for name in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = name.split(' ').next().unwrap();
        assert!(manual.contains(name), "{name} is not in docs/operating.md");
    }
}

#[test]
fn all_interfaces_have_to_be_permitted_for_metrics() {
    let folder = folder("metrics-everywhere");
    let refusal = fail(&folder, &format!("{SERVER} --metrics 0.0.0.0:0"), 1);
    assert!(refusal.contains("--metrics-on-all-interfaces"), "{refusal}");
    let permitted = "--metrics 0.0.0.0:0 --metrics-on-all-interfaces";
    let mut server = Server::start(&folder, permitted);
    assert!(endpoint(&mut server).starts_with("0.0.0.0:"));
}

#[test]
fn a_server_can_be_configured_by_the_environment_alone() {
    let folder = folder("environment");
    let mut server = Server::spawn(netcode(&folder).arg("server").envs([
        ("NETCODE_KEY_FILE", "game.key"),
        ("NETCODE_PROTOCOL_ID", "42"),
        ("NETCODE_MAX_TOKEN_LIFETIME", "off"),
        ("NETCODE_BIND", "127.0.0.1:0,[::1]:0"),
        ("NETCODE_MAX_CLIENTS", "3"),
        ("NETCODE_SHARED_ADDRESS", "yes"),
        ("NETCODE_METRICS", "127.0.0.1:0"),
        ("NETCODE_FOR", "60"),
    ]));
    let page = get(&endpoint(&mut server), "/metrics");
    assert!(page.contains("netcode_server_slots 3\n"), "{page}");
    let help = succeed(&folder, "server --help");
    assert_eq!(help.matches("[env:").count(), 2, "{help}");
    assert!(help.contains("in the environment"), "{help}");
}

#[cfg(unix)]
#[test]
fn the_log_says_why_a_client_is_refused_and_ids_are_strings() {
    let folder = folder("refused");
    succeed(&folder, "keygen --out other.key");
    let mut server = Server::start(&folder, "");
    succeed(
        &folder,
        &format!(
            "token mint --key other.key --protocol-id 42 --client-id 8 --timeout 1 --server {} \
             --out 8.token",
            server.address
        ),
    );
    fail(&folder, "client 8.token --send hello", 3);
    let most = u64::MAX;
    server.mint(&folder, most);
    succeed(&folder, &format!("client {most}.token --send hello"));
    let connected = server.wait_for("client connected");
    assert_eq!(connected["client_id"], most.to_string());
    // The rest of an interval's refusals are written at the end.
    server.signal("INT");
    let refused = server.wait_for("refused: ");
    assert_eq!(refused["reason"], "token_unauthentic");
    assert_eq!(refused["host"], "127.0.0.1");
    assert!(refused["message"].as_str().unwrap().contains("wrong key?"));
    assert!(
        server.wait_for("totals")["dropped"]
            .as_str()
            .unwrap()
            .contains("token_unauthentic")
    );
}

#[test]
fn a_quiet_server_logs_nothing_but_trouble() {
    let folder = folder("quiet");
    let words = SERVER.replace("--for 60", "--bind 127.0.0.1:0 --for 0 -q");
    let output = netcode(&folder).args(words.split(' ')).output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[cfg(unix)]
#[test]
fn a_draining_server_denies_new_clients_and_ends_when_its_clients_have_left() {
    let folder = folder("drain");
    let mut server = Server::start(&folder, "--drain 60 --metrics 127.0.0.1:0");
    let address = endpoint(&mut server);
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200"));
    for id in [1, 2] {
        server.mint(&folder, id);
    }
    let mut player = client(&folder, "1.token --stdin --rate 1000");
    server.wait_for("client connected");
    server.signal("TERM");
    server.wait_for("draining");
    assert!(get(&address, "/readyz").ends_with("draining\n"));
    let health = succeed(&folder, &format!("health --metrics {address}"));
    assert_eq!(health, "alive\n");
    let refusal = fail(&folder, "client 2.token --send hello", 3);
    assert!(refusal.contains("closed to new clients"), "{refusal}");

    let mut input = player.stdin.take().unwrap();
    input.write_all(b"still playing\n").unwrap();
    drop(input);
    let output = player.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "still playing\n");
    assert_eq!(server.wait_for("client left")["reason"], "by_client");
    assert!(server.wait());
}

#[cfg(unix)]
#[test]
fn clients_that_stay_are_disconnected_when_the_drain_is_over() {
    let folder = folder("drain-over");
    let mut server = Server::start(&folder, "--drain 0.2");
    server.mint(&folder, 7);
    let player = client(&folder, "7.token");
    server.wait_for("client connected");
    server.signal("TERM");
    assert_eq!(server.wait_for("client left")["reason"], "server_stopped");
    assert!(server.wait());
    assert!(player.wait_with_output().unwrap().status.success());
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_a_draining_server_at_once() {
    let folder = folder("twice");
    let mut server = Server::start(&folder, "--drain 60");
    mint(&folder, 7, &server.address);
    let mut player = client(&folder, "7.token");
    server.wait_for("client connected");
    server.signal("TERM");
    server.wait_for("draining");
    server.signal("TERM");
    assert!(!server.wait());
    player.kill().unwrap();
    player.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn sighup_never_ends_a_server_and_the_log_says_what_became_of_it() {
    let folder = folder("hup");
    let mut server = Server::start(&folder, "");
    let mut reload = |said: &str| {
        server.signal("HUP");
        let line = server.wait_for("nothing was reloaded");
        let message = line["message"].as_str().unwrap();
        assert!(message.contains(said), "{message}");
    };
    reload("the key in use");
    let key = std::fs::read(folder.join("game.key")).unwrap();
    std::fs::write(folder.join("game.key"), "damaged").unwrap();
    reload("64 hexadecimal digits");
    std::fs::write(folder.join("game.key"), key).unwrap();
    server.mint(&folder, 7);
    assert_eq!(succeed(&folder, "client 7.token --send hello"), "hello\n");
}

#[cfg(unix)]
#[test]
fn a_new_key_is_read_at_sighup_and_the_previous_one_opens_tokens_for_a_time() {
    let folder = folder("rotation");
    let change_key = |server: &mut Server| {
        std::fs::remove_file(folder.join("game.key")).unwrap();
        succeed(&folder, "keygen --out game.key");
        server.signal("HUP");
        server.wait_for("key changed")
    };
    let mut server = Server::start(&folder, "--key-overlap 60");
    server.mint(&folder, 1);
    let changed = change_key(&mut server);
    assert!(
        changed["previous_key_until"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    server.mint(&folder, 2);
    for id in [1, 2] {
        let echoed = succeed(&folder, &format!("client {id}.token --send hello"));
        assert_eq!(echoed, "hello\n");
    }

    // After a leak the previous key opens nothing.
    let mut server = Server::start(&folder, "--key-overlap 0");
    server.mint(&folder, 3);
    change_key(&mut server);
    fail(&folder, "client 3.token --send hello", 3);
}
