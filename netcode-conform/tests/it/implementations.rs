//! Four implementations, in both roles. Ours passes everything; what the others do is written in
//! `docs/conformance.md`, which these tests compare with what they see, or write:
//!
//! ```sh
//! NETCODE_CONFORMANCE=write cargo test -p netcode-conform --test it implementations
//! ```

use std::fmt::Write as _;
use std::path::PathBuf;

use netcode_conform::{Counts, Group, Options, Outcome, Report, Role, Verdict};

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

/// What was seen of an implementation in one role.
struct Seen {
    of: &'static Implementation,
    report: Report,
}

fn check(of: &'static Implementation, role: Role, options: &Options) -> Seen {
    let program = example(of.harness);
    let report = match role {
        Role::Client => run_client(&program, options),
        Role::Server => {
            let key = KeyFile::new();
            let ours = of.package == OURS.package;
            let lifetime = LIFETIME.to_string();
            let more: &[&str] = if ours { &[&lifetime] } else { &[] };
            let mut target = server(&program, &key, more);
            target.token_lifetime = ours.then(|| std::time::Duration::from_secs(LIFETIME));
            run_server(target, options)
        }
    };
    Seen { of, report }
}

impl Seen {
    /// Heading of its failed checks in the table.
    fn heading(&self) -> String {
        format!("## {} as {}", self.of.package, role(&self.report))
    }

    /// Outcomes whose verdict is not the written one: some attacks on peers succeed now and then
    /// only, and a busy machine makes a peer late.
    fn differing(&self, written: &str) -> impl Iterator<Item = &Outcome> {
        let heading = self.heading();
        let heading = heading.trim_start_matches("## ").to_owned();
        let mut sections = written.split("\n## ");
        let section = sections.find(|section| section.starts_with(&heading));
        let section = section.unwrap_or_default().to_owned();
        let fails = move |id: &str| section.contains(&format!("`{id}`"));
        self.report
            .outcomes
            .iter()
            .filter(move |it| match it.verdict {
                Verdict::Pass => fails(it.about.id),
                Verdict::Fail(_) => !fails(it.about.id),
                Verdict::NotObservable(_) => !it.about.id.ends_with(IPV6),
            })
    }

    /// The differing outcomes, for a failed test.
    fn explain(&self, written: &str) -> Vec<String> {
        let explained = self.differing(written).map(|it| {
            let verdict = match &it.verdict {
                Verdict::Pass => "pass",
                Verdict::Fail(text) | Verdict::NotObservable(text) => text,
            };
            format!("{}: {}: {verdict}", self.heading(), it.about.id)
        });
        explained.collect()
    }

    /// Runs the checks again that differ from what is written, with nothing else beside them.
    fn examine(&mut self, written: &str) {
        for _ in 0..MORE_RUNS {
            let differing = self.differing(written);
            let only: Vec<_> = differing.map(|it| it.about.id.to_owned()).collect();
            if only.is_empty() {
                return;
            }
            println!("{}: again {}", self.heading(), only.join(", "));
            let options = Options {
                only,
                ..everything()
            };
            for again in check(self.of, self.report.role, &options).report.outcomes {
                let mut outcomes = self.report.outcomes.iter_mut();
                if let Some(outcome) = outcomes.find(|it| it.about.id == again.about.id) {
                    *outcome = again;
                }
            }
        }
    }
}

/// Runs of a check whose verdict is not the written one, after the first.
const MORE_RUNS: u32 = 6;

/// End of the id of the checks that need a server with an IPv6 address.
const IPV6: &str = "request.ipv6";

/// Over IPv4, the checks for an IPv6 address cannot be observed.
fn assert_all_pass(report: &Report, role: &str) {
    assert!(report.is_good(), "{}", report.to_text());
    for outcome in &report.outcomes {
        if matches!(outcome.verdict, Verdict::NotObservable(_)) {
            let id = outcome.about.id;
            assert!(id.ends_with(IPV6), "{role}: {id}: {}", report.to_text());
        }
    }
}

#[test]
fn ours_passes_everything_and_the_others_do_what_the_table_says() {
    let roles = [Role::Server, Role::Client];
    let mut seen = std::thread::scope(|scope| {
        let all = std::iter::once(&OURS).chain(&PEERS);
        let runs: Vec<_> = all
            .flat_map(|of| roles.map(|role| (of, role)))
            .map(|(of, role)| scope.spawn(move || check(of, role, &everything())))
            .collect();
        let runs = runs.into_iter().map(|run| run.join().unwrap());
        runs.collect::<Vec<_>>()
    });
    for it in seen.iter().filter(|it| it.of.package == OURS.package) {
        assert_all_pass(&it.report, role(&it.report));
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    if std::env::var_os("NETCODE_CONFORMANCE").is_some_and(|it| it == "write") {
        std::fs::write(&path, write_table(&seen)).unwrap();
        return;
    }
    // Outside of the workspace, as in the package, there is no table to compare with.
    let Ok(written) = std::fs::read_to_string(&path) else {
        return;
    };
    for it in &mut seen {
        it.examine(&written);
    }
    let differing: Vec<_> = seen.iter().flat_map(|it| it.explain(&written)).collect();
    assert!(
        differing.is_empty(),
        "docs/conformance.md differs from what was seen:\n{}",
        differing.join("\n")
    );
    assert_eq!(written, write_table(&seen), "docs/conformance.md is old");
}

const HEAD: &str = "\
# Conformance of implementations

What `netcode conform` finds, over IPv4 on one machine. Written by

```sh
NETCODE_CONFORMANCE=write cargo test -p netcode-conform --test it implementations
```

from the versions in `Cargo.lock`; each test run compares it with what it sees, and repeats a check
that differs. [conform.md](conform.md) explains the results. The one check that is *not observable*
needs an IPv6 address. Programs are built as `cargo test` builds them: with checks for overflow, which
end some programs where a release build computes on with a wrong number.

Over IPv6, no client can connect to the servers of netcode-rs and renetcode: they read the address in a
token as octets, where the standard has little-endian groups.

";

fn write_table(seen: &[Seen]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| implementation | version | role | conformance | hardening |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for Seen { of, report } in seen {
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
    for it in seen {
        let failed = it.report.outcomes.iter();
        let failed = failed.filter(|it| matches!(it.verdict, Verdict::Fail(_)));
        let rows: Vec<_> = failed.map(|outcome| outcome.about).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(text, "\n{}\n\n", it.heading());
        text.push_str("| group | failed check | rule |\n| --- | --- | --- |\n");
        for about in rows {
            let group = about.group.as_str();
            let _ = writeln!(text, "| {group} | `{}` | {} |", about.id, about.rule);
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
