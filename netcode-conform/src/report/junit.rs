//! Reports as JUnit XML, which continuous integration reads.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Report, table};
use crate::check::{Group, Outcome, Verdict};

impl Report {
    /// The report as JUnit XML: a suite for each group, a skipped test for what is not observable.
    ///
    /// # Errors
    /// A text that cannot be written as XML.
    pub fn to_junit(&self) -> Result<String, quick_junit::SerializeError> {
        let mut report = quick_junit::Report::new("netcode conform");
        report.set_time(self.took);
        for group in [Group::Conformance, Group::Hardening] {
            let mut suite = TestSuite::new(group.as_str());
            let cases = self.outcomes.iter().filter(|it| it.about.group == group);
            suite.add_test_cases(cases.map(case));
            report.add_test_suite(suite);
        }
        report.to_string()
    }
}

fn case(outcome: &Outcome) -> TestCase {
    let status = match &outcome.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail(reason) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(reason.as_str());
            status.set_type(outcome.about.section);
            status.set_description(table::evidence(outcome));
            status
        }
        Verdict::NotObservable(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            status
        }
    };
    let mut case = TestCase::new(outcome.about.id, status);
    case.set_classname(outcome.about.section);
    case.set_time(outcome.took);
    case
}
