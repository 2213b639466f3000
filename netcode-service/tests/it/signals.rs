//! Signals, as a terminal or a service manager sends them.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use crate::program::{Service, command};

fn send(service: &Service, signal: &str) {
    let id = service.process.id().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_program_asked_to_stop_ends_in_order() {
    for signal in ["INT", "TERM"] {
        let mut service = Service::start(&mut command("--serve"));
        service.wait_for("a crate of ours");
        send(&service, signal);
        service.wait_for("stopping");
        assert!(service.process.wait().unwrap().success());
    }
}

#[test]
fn a_second_request_ends_a_program_that_is_stuck() {
    let mut service = Service::start(command("--serve").env("STUCK", "1"));
    service.wait_for("a crate of ours");
    send(&service, "TERM");
    service.wait_for("stopping");
    send(&service, "INT");
    let status = service.process.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(1), None));
}

#[test]
fn sighup_reloads_once_and_never_ends_a_program() {
    let mut service = Service::start(&mut command("--serve"));
    service.wait_for("a crate of ours");
    send(&service, "HUP");
    service.wait_for("reloaded");
    send(&service, "HUP");
    service.wait_for("reloaded");
    send(&service, "TERM");
    assert!(service.process.wait().unwrap().success());
    assert!(!service.rest_of_log().contains("reloaded"));
}
