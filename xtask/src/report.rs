//! The report of the steps: a table, and a machine-readable line.

use std::{fmt, time::Duration};

use crate::steps::Step;

/// What a step says of itself.
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    /// A few words for the table.
    pub(crate) note: String,
    /// What to read in order to repair it; printed when the step ends.
    pub(crate) details: String,
    /// The tests that the step ran, which count instead of the step.
    pub(crate) tests: Option<Tally>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// How many tests, or steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Verdict {
    pub(crate) fn passed() -> Self {
        Self::new(Outcome::Passed)
    }

    /// The first line of the reason is the note of the table.
    pub(crate) fn failed(reason: &str) -> Self {
        let (note, details) = reason.split_once('\n').unwrap_or((reason, ""));
        Self { details: details.to_owned(), ..Self::new(Outcome::Failed) }.with_note(note)
    }

    pub(crate) fn skipped(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Skipped).with_note(reason)
    }

    pub(crate) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub(crate) fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    fn new(outcome: Outcome) -> Self {
        Self { outcome, note: String::new(), details: String::new(), tests: None }
    }

    /// What the step adds to the totals. A step that failed counts as a failure even when none of
    /// its tests did.
    fn tally(&self) -> Tally {
        let mut tally = self.tests.unwrap_or_default();
        match self.outcome {
            Outcome::Passed if self.tests.is_none() => tally.passed += 1,
            Outcome::Failed if tally.failed == 0 => tally.failed += 1,
            Outcome::Skipped => tally.skipped += 1,
            Outcome::Passed | Outcome::Failed => {}
        }
        tally
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        })
    }
}

/// The verdicts of all steps.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

struct Row {
    step: &'static str,
    took: Duration,
    budget: u64,
    verdict: Verdict,
}

impl Report {
    pub(crate) fn add(&mut self, step: &Step, took: Duration, verdict: Verdict) {
        self.rows.push(Row { step: step.name, took, budget: step.budget, verdict });
    }

    pub(crate) fn is_success(&self) -> bool {
        self.totals().failed == 0
    }

    fn totals(&self) -> Tally {
        self.rows.iter().map(|row| row.verdict.tally()).fold(Tally::default(), |sum, tally| Tally {
            passed: sum.passed + tally.passed,
            failed: sum.failed + tally.failed,
            skipped: sum.skipped + tally.skipped,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["step", "result", "seconds", "budget", "tests"];
        let [step, result, seconds, budget, tests] = head;
        writeln!(formatter, "{step:<14}{result:<9}{seconds:>8} {budget:>7}{tests:>7}")?;
        for Row { step, took, budget, verdict } in &self.rows {
            let tests = verdict.tests.map(|tests| (tests.passed + tests.failed).to_string());
            let (outcome, tests) = (verdict.outcome, tests.unwrap_or_default());
            let time = time(*took, *budget);
            let row = format!("{step:<14}{outcome:<9}{time}{tests:>7}  {}", verdict.note);
            writeln!(formatter, "{}", row.trim_end())?;
        }
        let took = self.rows.iter().map(|row| row.took).sum();
        let budget = self.rows.iter().map(|row| row.budget).sum();
        writeln!(formatter, "{:<23}{}", "all", time(took, budget))?;
        if self.rows.iter().any(|row| is_over(row.took, row.budget)) {
            writeln!(formatter, "! took longer than two quiet cores should need")?;
        }
        writeln!(formatter)?;
        let Tally { passed, failed, skipped } = self.totals();
        write!(formatter, "{passed} passed, {failed} failed")?;
        if skipped > 0 {
            write!(formatter, ", {skipped} skipped")?;
        }
        Ok(())
    }
}

/// What something took and what it may take, with a mark between them if that is less.
fn time(took: Duration, budget: u64) -> String {
    let mark = if is_over(took, budget) { '!' } else { ' ' };
    format!("{:>8.1}{mark}{budget:>7}", took.as_secs_f64())
}

fn is_over(took: Duration, budget: u64) -> bool {
    took > Duration::from_secs(budget)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Report, Tally, Verdict};
    use crate::steps::{Depth, Step};

    fn step(budget: u64) -> Step {
        let run = |_: &mut _| Ok(Verdict::passed());
        let (name, description) = ("a-step", "does something");
        Step { name, description, budget, depth: Depth::Quick, needs: &[], run }
    }

    fn report(verdicts: impl IntoIterator<Item = Verdict>) -> Report {
        let mut report = Report::default();
        for verdict in verdicts {
            report.add(&step(2), Duration::from_millis(1250), verdict);
        }
        report
    }

    fn tests(verdict: Verdict, passed: u64, failed: u64, skipped: u64) -> Verdict {
        Verdict { tests: Some(Tally { passed, failed, skipped }), ..verdict }
    }

    #[test]
    fn tests_count_once_each_and_so_do_other_steps() {
        for (verdicts, last_line, is_success) in [
            (vec![Verdict::passed(), Verdict::passed()], "2 passed, 0 failed", true),
            (vec![tests(Verdict::passed(), 7, 0, 0)], "7 passed, 0 failed", true),
            (vec![tests(Verdict::passed(), 7, 0, 2)], "7 passed, 0 failed, 2 skipped", true),
            (vec![tests(Verdict::failed("x"), 7, 3, 0)], "7 passed, 3 failed", false),
            (vec![tests(Verdict::failed("x"), 7, 0, 0)], "7 passed, 1 failed", false),
            (vec![tests(Verdict::failed("x"), 0, 0, 0)], "0 passed, 1 failed", false),
            (vec![Verdict::passed(), Verdict::skipped("x")], "1 passed, 0 failed, 1 skipped", true),
        ] {
            let report = report(verdicts);
            assert_eq!(report.to_string().lines().last(), Some(last_line));
            assert_eq!(report.is_success(), is_success, "{last_line}");
        }
    }

    #[test]
    fn the_table_has_a_row_for_each_step() {
        let report =
            report([tests(Verdict::passed(), 1200, 0, 0), Verdict::failed("broken\nat line 1")]);
        let expected = "\
step          result    seconds  budget  tests
a-step        passed        1.2       2   1200
a-step        FAILED        1.2       2         broken
all                         2.5       4

1200 passed, 1 failed";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn a_step_over_its_budget_is_marked_and_fails_nothing() {
        let mut report = Report::default();
        report.add(&step(60), Duration::from_millis(61_250), Verdict::passed());
        let expected = "\
step          result    seconds  budget  tests
a-step        passed       61.2!     60
all                        61.2!     60
! took longer than two quiet cores should need

1 passed, 0 failed";
        assert_eq!(report.to_string(), expected);
        assert!(report.is_success());
    }
}
