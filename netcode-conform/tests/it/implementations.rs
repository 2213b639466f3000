//! Four implementations, in both roles. Ours passes everything; what the others do is written in
//! `docs/conformance.md`, which these tests compare with what they see, or write:
//!
//! ```sh
//! NETCODE_CONFORMANCE=write cargo test -p netcode-conform --test it implementations
//! ```

use std::fmt::Write as _;
use std::path::PathBuf;

use netcode_conform::{Counts, Group, Report, Role, Verdict};

use crate::harness::{KeyFile, everything, example, run_client, run_server, server};

/// A harness and the package that it is for.
struct Implementation {
    package: &'static str,
    harness: &'static str,
}

const PEERS: [Implementation; 3] = [
    Implementation {
        package: "netcode-official",
        harness: "harness_official",
    },
    Implementation {
        package: "netcode-rs",
        harness: "harness_netcode_rs",
    },
    Implementation {
        package: "renetcode",
        harness: "harness_renetcode",
    },
];

const OURS: Implementation = Implementation {
    package: "netcode-std",
    harness: "harness_ours",
};

/// Longest lifetime of tokens of our own server, which has a restart rule.
const LIFETIME: u64 = 10;

fn check_server(of: &Implementation) -> Report {
    let key = KeyFile::new();
    let program = example(of.harness);
    let ours = of.package == OURS.package;
    let lifetime = LIFETIME.to_string();
    let more: &[&str] = if ours { &[&lifetime] } else { &[] };
    let mut target = server(&program, &key, more);
    target.token_lifetime = ours.then(|| std::time::Duration::from_secs(LIFETIME));
    run_server(target, &everything())
}

fn check_client(of: &Implementation) -> Report {
    run_client(&example(of.harness), &everything())
}

/// Over IPv4, the checks for an IPv6 address cannot be observed.
fn assert_all_pass(report: &Report, role: &str) {
    assert!(report.is_good(), "{}", report.to_text());
    for outcome in &report.outcomes {
        if matches!(outcome.verdict, Verdict::NotObservable(_)) {
            let id = outcome.about.id;
            assert!(
                id.ends_with("request.ipv6"),
                "{role}: {id}: {}",
                report.to_text()
            );
        }
    }
}

#[test]
fn ours_passes_everything_and_the_others_do_what_the_table_says() {
    let seen = std::thread::scope(|scope| {
        let runs: Vec<_> = std::iter::once(&OURS)
            .chain(&PEERS)
            .map(|of| scope.spawn(move || (of, check_server(of), check_client(of))))
            .collect();
        let runs = runs.into_iter().map(|run| run.join().unwrap());
        runs.collect::<Vec<_>>()
    });
    for (of, server, client) in &seen {
        if of.package == OURS.package {
            assert_all_pass(server, "server");
            assert_all_pass(client, "client");
        }
    }
    let table = write_table(&seen);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    if std::env::var_os("NETCODE_CONFORMANCE").is_some_and(|it| it == "write") {
        std::fs::write(&path, table).unwrap();
        return;
    }
    // Outside of the workspace, as in the package, there is no table to compare with.
    let Ok(written) = std::fs::read_to_string(&path) else {
        return;
    };
    if written != table {
        for (_, server, client) in &seen {
            println!("{}\n{}", server.to_text(), client.to_text());
        }
        let differs = |(a, b): &(&str, &str)| a != b;
        let lines = written.lines().zip(table.lines());
        let first = lines
            .filter(differs)
            .map(|(a, b)| format!("- {a}\n+ {b}"))
            .next();
        panic!(
            "docs/conformance.md differs from what was seen:\n{}",
            first.unwrap_or_default()
        );
    }
}

const HEAD: &str = "\
# Conformance of implementations

What `netcode conform` finds, over IPv4 on one machine. Written by

```sh
NETCODE_CONFORMANCE=write cargo test -p netcode-conform --test it implementations
```

from the versions in `Cargo.lock`; each test run compares it with what it sees. [conform.md](conform.md)
explains the results. The one check that is *not observable* needs an IPv6 address. Programs are
built as `cargo test` builds them: with checks for overflow, which end some programs where a release
build computes on with a wrong number.

Over IPv6, no client can connect to the servers of netcode-rs and renetcode: they read the address in a
token as octets, where the standard has little-endian groups.

";

fn write_table(seen: &[(&Implementation, Report, Report)]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| implementation | version | role | conformance | hardening |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for (of, server, client) in seen {
        for report in [server, client] {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                of.package,
                version(of.package),
                role(report),
                counts(report.counts(Group::Conformance)),
                counts(report.counts(Group::Hardening)),
            );
        }
    }
    for (of, server, client) in seen {
        for report in [server, client] {
            let failed = report.outcomes.iter();
            let failed = failed.filter(|it| matches!(it.verdict, Verdict::Fail(_)));
            let rows: Vec<_> = failed.collect();
            if rows.is_empty() {
                continue;
            }
            let _ = write!(text, "\n## {} as {}\n\n", of.package, role(report));
            text.push_str("| group | failed check | rule |\n| --- | --- | --- |\n");
            for outcome in rows {
                let about = outcome.about;
                let _ = writeln!(
                    text,
                    "| {} | `{}` | {} |",
                    about.group.as_str(),
                    about.id,
                    about.rule
                );
            }
        }
    }
    text
}

fn role(report: &Report) -> &'static str {
    match report.role {
        Role::Server => "server",
        Role::Client => "client",
    }
}

fn counts(counts: Counts) -> String {
    let mut text = format!("{} pass", counts.pass);
    if counts.fail > 0 {
        let _ = write!(text, ", **{} fail**", counts.fail);
    }
    if counts.not_observable > 0 {
        let _ = write!(text, ", {} not observable", counts.not_observable);
    }
    text
}

/// Version of a package in the lock file of the workspace.
fn version(package: &str) -> String {
    let lock = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let lock = std::fs::read_to_string(lock).unwrap_or_default();
    let name = format!("name = \"{package}\"\nversion = \"");
    let version = lock.split(&name).nth(1).and_then(|it| it.split('"').next());
    version.unwrap_or("?").to_owned()
}
