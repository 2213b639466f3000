//! Reports for people.

use std::fmt::Write as _;

use comfy_table::{Table, presets};

use super::{Counts, Report};
use crate::check::{About, Group, Outcome, Verdict};
use crate::evidence::{Direction, Entry};

/// Lines of evidence that are shown for a check.
const MOST_LINES: usize = 12;

/// Bytes of a datagram that are shown.
const MOST_BYTES: usize = 24;

impl Report {
    /// The report as text: each check that did not pass with its evidence, then the numbers.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for group in [Group::Conformance, Group::Hardening] {
            let outcomes: Vec<_> = self
                .outcomes
                .iter()
                .filter(|it| it.about.group == group)
                .collect();
            if outcomes.is_empty() {
                continue;
            }
            let mut table = plain([group.as_str(), "", "rule"]);
            for outcome in &outcomes {
                table.add_row([
                    outcome.about.id,
                    outcome.verdict.as_str(),
                    outcome.about.rule,
                ]);
            }
            let _ = writeln!(text, "{table}\n");
        }
        for outcome in self
            .outcomes
            .iter()
            .filter(|it| matches!(it.verdict, Verdict::Fail(_)))
        {
            let _ = writeln!(text, "FAIL {}", outcome.about.id);
            let _ = writeln!(
                text,
                "  rule: {} ({})",
                outcome.about.rule, outcome.about.section
            );
            let _ = writeln!(
                text,
                "  seen: {}",
                outcome.verdict.reason().unwrap_or_default()
            );
            let _ = writeln!(text, "{}", evidence(outcome));
        }
        self.write_unobservable(&mut text);
        for group in [Group::Conformance, Group::Hardening] {
            let counts = self.counts(group);
            if counts == Counts::default() {
                continue;
            }
            let _ = writeln!(
                text,
                "{}: {} pass, {} fail, {} not observable",
                group.as_str(),
                counts.pass,
                counts.fail,
                counts.not_observable
            );
        }
        let _ = write!(text, "{:.1} s, seed {}", self.took.as_secs_f64(), self.seed);
        if let Some(known) = &self.known {
            let _ = write!(
                text,
                "; {} slots, payloads {}, round trip {:.1} ms, {} of {} requests unanswered",
                known.max_clients,
                if known.echo {
                    "come back"
                } else {
                    "do not come back"
                },
                f64::from(u32::try_from(known.round_trip_us).unwrap_or(u32::MAX)) / 1000.0,
                known.unanswered,
                known.requests
            );
        }
        text
    }

    /// Reasons, each with the checks it applies to.
    fn write_unobservable(&self, text: &mut String) {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for outcome in &self.outcomes {
            if let Verdict::NotObservable(reason) = &outcome.verdict {
                match reasons.iter_mut().find(|it| it.0 == reason) {
                    Some((_, ids)) => ids.push(outcome.about.id),
                    None => reasons.push((reason, vec![outcome.about.id])),
                }
            }
        }
        for (reason, ids) in reasons {
            let _ = writeln!(text, "NOT OBSERVABLE {}\n  {reason}\n", ids.join(", "));
        }
    }
}

/// The list of checks, as text.
pub fn list(checks: &[About]) -> String {
    let mut table = plain(["check", "group", "section", "rule"]);
    for about in checks {
        table.add_row([about.id, about.group.as_str(), about.section, about.rule]);
    }
    table.to_string()
}

fn plain<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table
}

/// The last datagrams of a check, one on each line.
pub(super) fn evidence(outcome: &Outcome) -> String {
    let entries = &outcome.evidence;
    let hidden = entries.len().saturating_sub(MOST_LINES);
    let mut text = String::new();
    if hidden > 0 {
        let _ = writeln!(text, "    … {hidden} earlier lines are in --json");
    }
    for entry in entries.iter().skip(hidden) {
        let _ = writeln!(text, "    {}", line(entry));
    }
    text
}

fn line(entry: &Entry) -> String {
    let arrow = match entry.direction {
        Direction::Sent => "→",
        Direction::Received => "←",
        Direction::Remark => "·",
    };
    let mut line = format!("{:>6} ms {arrow} {}", entry.at_ms, entry.text);
    let shown = entry.bytes.get(..2 * MOST_BYTES);
    match (entry.direction, shown) {
        (Direction::Remark, _) => {}
        (_, Some(first)) => {
            let _ = write!(line, " [{} bytes: {first}…]", entry.bytes.len() / 2);
        }
        (_, None) => {
            let _ = write!(line, " [{} bytes: {}]", entry.bytes.len() / 2, entry.bytes);
        }
    }
    line
}
