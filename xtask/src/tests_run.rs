//! The tests: run by cargo, counted one by one.

use std::process::Command;

use crate::{
    node, process,
    report::{Outcome, Tally, Verdict},
    verify::{Context, tail},
    workspace::cargo,
};

/// How many lines about failed tests are shown.
const MAX_SHOWN: usize = 200;

/// The simulations and what makes them ten times as long as they are by default.
const LONG: [(&str, &str); 4] = [
    ("LIMITER_SIMULATION_REQUESTS", "10000000"),
    ("CACHE_SIMULATION_SEEDS", "250"),
    ("ATTEMPT_SIMULATION_SEEDS", "50"),
    ("BOARD_SIMULATION_SEEDS", "50"),
];

/// The tests that fail where there is no Node.js.
pub(crate) const OF_NODE: &str = "offline::jose_verifies";

/// A step of `verify`: all tests but those in documentation.
pub(crate) fn tests(context: &Context) -> Result<Verdict, String> {
    let mut command = command();
    command.arg("--tests");
    if node::is_installed() {
        return run(context, "tests", &mut command);
    }
    let mut verdict = run(context, "tests", command.args(["--", "--skip", OF_NODE]))?;
    if let Some(tests) = &mut verdict.tests {
        tests.skipped += 1;
    }
    if verdict.outcome == Outcome::Passed {
        verdict.note = format!("without {OF_NODE}: there is no Node.js; {}", verdict.note);
    }
    Ok(verdict)
}

/// A step of `verify`: the examples in the documentation.
pub(crate) fn doctests(context: &Context) -> Result<Verdict, String> {
    run(context, "doctests", command().arg("--doc"))
}

/// A step of `verify`: the tests whose name has `simulation` in it, those included that
/// are `#[ignore]`d for taking long.
pub(crate) fn simulations(context: &Context) -> Result<Verdict, String> {
    let which = ["--lib", "--test", "it", "--", "simulation", "--include-ignored"];
    run(context, "simulations", command().args(which).envs(LONG))
}

/// With the features of the build step, so that nothing is compiled again.
fn command() -> Command {
    cargo("test --workspace --all-features --no-fail-fast")
}

fn run(context: &Context, step: &str, command: &mut Command) -> Result<Verdict, String> {
    context.programs()?;
    let finished = process::run(command)?;
    let log = context.keep_log(step, &finished);
    let tests = count(finished.out());
    let mut verdict = if !finished.is_success {
        let failures = failures(finished.out());
        let shown = if failures.is_empty() { tail(finished.all()) } else { failures };
        let what = match tests.failed {
            0 => "cargo test failed".to_owned(),
            1 => "1 test failed".to_owned(),
            several => format!("{several} tests failed"),
        };
        Verdict::failed(&format!("{what}\n{shown}\n({log})"))
    } else if tests.passed == 0 {
        Verdict::failed("no test was run")
    } else {
        Verdict::passed()
    };
    if verdict.outcome == Outcome::Passed && tests.skipped > 0 {
        verdict.note = format!("{} ignored", tests.skipped);
    }
    verdict.tests = Some(tests);
    Ok(verdict)
}

/// Adds up lines such as `test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; …`.
pub(crate) fn count<'a>(lines: impl Iterator<Item = &'a str>) -> Tally {
    let mut tally = Tally::default();
    for line in lines.filter_map(|line| line.strip_prefix("test result: ")) {
        let (_, counts) = line.split_once(". ").unwrap_or_default();
        for part in counts.split("; ") {
            let (number, what) = part.split_once(' ').unwrap_or_default();
            let number: u64 = number.parse().unwrap_or_default();
            match what {
                "passed" => tally.passed += number,
                "failed" => tally.failed += number,
                "ignored" => tally.skipped += number,
                _ => {}
            }
        }
    }
    tally
}

/// How many tests the arguments left out, from the same lines.
pub(crate) fn filtered_out<'a>(lines: impl Iterator<Item = &'a str>) -> u64 {
    let results = lines.filter(|line| line.starts_with("test result: "));
    results
        .filter_map(|line| {
            line.split("; ")
                .find_map(|part| part.strip_suffix(" filtered out"))?
                .parse::<u64>()
                .ok()
        })
        .sum()
}

/// What the test programs say about their failed tests: from a line `failures:` to the result.
pub(crate) fn failures<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut is_in_failures = false;
    let mut shown = Vec::new();
    for line in lines {
        is_in_failures |= line == "failures:";
        if is_in_failures {
            shown.push(line);
        }
        is_in_failures &= !line.starts_with("test result: ");
    }
    shown.truncate(MAX_SHOWN);
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Tally, count, failures, filtered_out};

    const OUTPUT: &str = "\
running 2 tests
test a ... ok
test b ... FAILED

failures:

---- b stdout ----
assertion failed

failures:
    b

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 3 tests
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 85 filtered out; finished in 1.50s
";

    #[test]
    fn the_results_of_all_test_programs_are_added_up() {
        assert_eq!(count(OUTPUT.lines()), Tally { passed: 3, failed: 1, skipped: 1 });
        assert_eq!(filtered_out(OUTPUT.lines()), 85);
        assert_eq!(count("running 0 tests".lines()), Tally::default());
    }

    #[test]
    fn only_what_is_said_about_failed_tests_is_shown() {
        let shown = failures(OUTPUT.lines());
        assert!(shown.starts_with("failures:\n\n---- b stdout ----\nassertion failed"));
        assert!(shown.contains("test result: FAILED") && !shown.contains("result: ok"));
    }
}
