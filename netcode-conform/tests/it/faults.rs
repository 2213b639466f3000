//! The tool itself, tested with servers and clients that have one deliberate fault each: exactly the
//! checks of the rule that is missing fail.
//!
//! The faults are those of `netcode-sim/faults.toml`. `NETCODE_FAULTY_HARNESS` names the harness of
//! our implementation (`harness_ours`) from a build that has all of them, each turned on by the
//! environment variable `NETCODE_FAULT`; without it there is nothing to run here.

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

const FAULTS: &[Fault] = &[];

/// Runs at the same time. They wait most of the time.
const SIDE_BY_SIDE: usize = 6;

#[test]
fn every_fault_fails_exactly_its_checks() {
    let Ok(program) = std::env::var("NETCODE_FAULTY_HARNESS") else {
        return;
    };
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
        assert!(names.insert(fault.name), "{} is there twice", fault.name);
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
