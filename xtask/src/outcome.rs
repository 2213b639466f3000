//! Results of steps.

/// Result of a step that did not fail outright.
pub(crate) enum Outcome {
    /// Success; counts as one.
    Passed,
    /// Results of tests; each counts.
    Tests(Tests),
    /// Skipped, with the reason. Never counts as passed.
    Skipped(String),
}

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}
