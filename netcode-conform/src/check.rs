//! Checks: one rule each, with the section of the standard that states it.

use std::time::Duration;

/// Group of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Rules of the standard.
    Conformance,
    /// Rules that go beyond the standard, each against an attack that the standard leaves open.
    Hardening,
}

impl Group {
    /// Name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conformance => "conformance",
            Self::Hardening => "hardening",
        }
    }
}

/// Role of the implementation under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The tool plays clients and attackers.
    Server,
    /// The tool plays servers and attackers.
    Client,
}

/// Place of a check in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Beside others; it holds at most this many slots of a server.
    Beside(usize),
    /// Alone, because it could disturb others or be disturbed by them.
    Alone,
}

/// Description of a check, known without running it.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Name, with a dot between subject and rule: `request.protocol-id`.
    pub id: &'static str,
    /// The rule in a few words.
    pub rule: &'static str,
    /// Section of the standard, or the hardening rule's source.
    pub section: &'static str,
    /// Group.
    pub group: Group,
}

/// A check of implementations of one role, which `T` gives access to.
pub(crate) struct Check<T> {
    pub(crate) about: About,
    pub(crate) place: Place,
    /// About how long it takes.
    pub(crate) seconds: u8,
    pub(crate) run: fn(&mut T) -> Checked,
}

impl<T> Clone for Check<T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T> Check<T> {
    /// A conformance check that runs beside others.
    pub(crate) const fn new(
        id: &'static str,
        section: &'static str,
        rule: &'static str,
        run: fn(&mut T) -> Checked,
    ) -> Self {
        Self {
            about: About {
                id,
                rule,
                section,
                group: Group::Conformance,
            },
            place: Place::Beside(1),
            seconds: 0,
            run,
        }
    }

    /// The same check in the hardening group.
    pub(crate) const fn hardening(mut self) -> Self {
        self.about.group = Group::Hardening;
        self
    }

    /// The same check, alone.
    pub(crate) const fn alone(mut self) -> Self {
        self.place = Place::Alone;
        self
    }

    /// The same check, which takes about so long.
    pub(crate) const fn seconds(mut self, seconds: u8) -> Self {
        self.seconds = seconds;
        self
    }

    /// The same check, which holds so many slots at a time.
    pub(crate) const fn slots(mut self, slots: usize) -> Self {
        self.place = Place::Beside(slots);
        self
    }
}

/// Result of one attempt at a check.
pub(crate) type Checked<T = ()> = Result<T, Finding>;

/// Reason for which an attempt did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It did what the rule forbids. No loss of datagrams explains that.
    Wrong(String),
    /// The answer that the rule demands did not arrive. A bad network explains that too, so it is
    /// repeated.
    Missing(String),
    /// The rule's effect cannot be seen with what the tool was given; how it could.
    Unobservable(String),
    /// The implementation under test answers nothing any more.
    Silent(String),
}

/// A finding of what the rule forbids.
pub(crate) fn wrong<T>(text: impl Into<String>) -> Checked<T> {
    Err(Finding::Wrong(text.into()))
}

/// A finding of what did not arrive.
pub(crate) fn missing<T>(text: impl Into<String>) -> Checked<T> {
    Err(Finding::Missing(text.into()))
}

/// A rule whose effect cannot be seen.
pub(crate) fn unobservable<T>(text: impl Into<String>) -> Checked<T> {
    Err(Finding::Unobservable(text.into()))
}

/// Outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The rule holds.
    Pass,
    /// It does not; what happened instead.
    Fail(String),
    /// The run does not tell; what would.
    NotObservable(String),
}

impl Verdict {
    /// Name in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::NotObservable(_) => "not observable",
        }
    }

    /// Observation, or the answer that is missing.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Pass => None,
            Self::Fail(reason) | Self::NotObservable(reason) => Some(reason),
        }
    }
}

/// A check that was run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The check.
    pub about: About,
    /// Verdict of the check.
    pub verdict: Verdict,
    /// Datagrams of the last attempt.
    pub evidence: Vec<crate::evidence::Entry>,
    /// Number of attempts.
    pub attempts: u32,
    /// Time of all attempts.
    pub took: Duration,
}
