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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Lines of output that name tests that failed. The report repeats them: a long log is often
    /// cut to its end.
    pub(crate) failures: Vec<String>,
}

impl Tests {
    /// Counts, without the names of those that failed.
    pub(crate) fn counted(passed: u64, failed: u64) -> Self {
        Self {
            passed,
            failed,
            failures: Vec::new(),
        }
    }

    /// Adds one result.
    pub(crate) fn add_one(&mut self, name: &str, passed: bool) {
        self.passed = self.passed.saturating_add(u64::from(passed));
        self.failed = self.failed.saturating_add(u64::from(!passed));
        if !passed {
            self.failures.push(name.to_owned());
        }
    }

    /// Adds the results of further tests.
    pub(crate) fn add(&mut self, other: Tests) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.failures.extend(other.failures);
    }

    /// Keeps a line of output that names a failed test, as Rust's, Node's and our own runners print
    /// them.
    pub(crate) fn read_failure(&mut self, line: &str) {
        let rust = line.starts_with("test ") && line.contains("FAILED");
        let node = line.trim_start().starts_with("not ok ");
        if (rust && !line.starts_with("test result")) || node || line.starts_with("FAILED ") {
            self.failures.push(line.trim().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_of_every_runner_are_named_in_the_report() {
        let failures = [
            "test a::b ... FAILED",
            "test a::b ... \u{1b}[31mFAILED\u{1b}[0m",
            "not ok 3 - a page connects",
            "FAILED  board: a sensor connects: not within 90 s",
        ];
        let others = [
            "test a::b ... ok",
            "test result: FAILED. 1 passed; 1 failed",
            "ok 3 - a page connects",
            "FAILEDNESS",
        ];
        let mut tests = Tests::default();
        for line in failures.iter().chain(&others) {
            tests.read_failure(line);
        }
        assert_eq!(tests.failures, failures);
    }
}
