//! Reports as JSON.

use serde_json::{Value, json};

use super::Report;
use crate::check::{Group, Outcome, Verdict};
use crate::evidence::millis;

impl Report {
    /// The report as one JSON object. Evidence comes with the checks that did not pass.
    pub fn to_json(&self) -> Value {
        json!({
            "standard": "netcode 1.02",
            "tool": env!("CARGO_PKG_VERSION"),
            "role": self.role,
            "subject": self.subject,
            "seed": self.seed.to_string(),
            "took_ms": millis(self.took),
            "first_look": self.known,
            "conformance": self.counts(Group::Conformance),
            "hardening": self.counts(Group::Hardening),
            "checks": self.outcomes.iter().map(check).collect::<Vec<_>>(),
        })
    }
}

fn check(outcome: &Outcome) -> Value {
    let evidence = match outcome.verdict {
        Verdict::Pass => &[][..],
        _ => &outcome.evidence,
    };
    json!({
        "id": outcome.about.id,
        "group": outcome.about.group,
        "section": outcome.about.section,
        "rule": outcome.about.rule,
        "verdict": outcome.verdict.as_str(),
        "reason": outcome.verdict.reason(),
        "attempts": outcome.attempts,
        "took_ms": millis(outcome.took),
        "evidence": evidence,
    })
}
