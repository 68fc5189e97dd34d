//! `cargo verify`: runs the steps in order; CI uses `--full`.
//!
//! A failed step does not end the run, so that one run finds all faults. The steps share one target folder, and
//! use the programs of the build step: `cargo run --package` would select other features and recompile half of
//! the dependencies.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use serde_json::Value;

use crate::{
    process::{self, Finished},
    report::{Outcome, Report, Verdict},
    steps::Step,
    workspace::{self, cargo, text},
};

/// How many lines of the output of a failed step are shown.
const TAIL_LINES: usize = 80;

/// What a skipped step means.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Skips {
    Allowed,
    Fail,
}

/// What the steps share.
pub(crate) struct Context {
    logs: PathBuf,
    pub(crate) is_built: bool,
    pub(crate) has_python: bool,
    programs: Programs,
}

/// The programs of the build step, by their names.
pub(crate) type Programs = HashMap<String, PathBuf>;

/// Runs these steps and prints the report; whether nothing failed.
pub(crate) fn run(steps: &[&Step], skips: Skips) -> Result<bool, String> {
    let logs = workspace::target_directory()?.join("verify");
    std::fs::create_dir_all(&logs)
        .map_err(|error| format!("{} cannot be made: {error}", logs.display()))?;
    let (is_built, has_python) = (false, false);
    let mut context = Context { logs, is_built, has_python, programs: Programs::new() };
    let mut report = Report::default();
    for (number, step) in steps.iter().enumerate() {
        println!("[{:>2}/{}] {}: {}", number + 1, steps.len(), step.name, step.description);
        let started = Instant::now();
        let mut verdict =
            (step.run)(&mut context).unwrap_or_else(|reason| Verdict::failed(&reason));
        if verdict.outcome == Outcome::Skipped && skips == Skips::Fail {
            verdict.outcome = Outcome::Failed;
        }
        let took = started.elapsed();
        for line in verdict.details.lines() {
            println!("      | {line}");
        }
        let (outcome, seconds) = (verdict.outcome, took.as_secs_f64());
        let colon = if verdict.note.is_empty() { "" } else { ": " };
        println!("      {outcome} after {seconds:.1} s{colon}{}", verdict.note);
        report.add(step, took, verdict);
    }
    println!("\n{report}");
    Ok(report.is_success())
}

impl Context {
    /// A program that the build step has built.
    pub(crate) fn program(&self, name: &str) -> Result<&Path, String> {
        let program = self.programs.get(name).map(PathBuf::as_path);
        program.ok_or_else(|| format!("the build step has built no program `{name}`"))
    }

    /// All programs that the build step has built.
    pub(crate) fn programs(&self) -> Result<&Programs, String> {
        if !self.is_built {
            return Err("not run, because the build failed".to_owned());
        }
        Ok(&self.programs)
    }

    /// Runs a step that needs the programs of the step `python`.
    pub(crate) fn with_python(
        &self,
        step: impl FnOnce() -> Result<Verdict, String>,
    ) -> Result<Verdict, String> {
        if !self.has_python {
            return Err("not run, because the step `python` failed".to_owned());
        }
        step()
    }

    /// Keeps the output of a step in a file; returns a remark about where.
    pub(crate) fn keep_log(&self, step: &str, finished: &Finished) -> String {
        let path = self.logs.join(format!("{step}.txt"));
        let lines: String = finished.all().map(|line| format!("{line}\n")).collect();
        match std::fs::write(&path, lines) {
            Ok(()) => format!("all of it is in {}", path.display()),
            Err(error) => format!("{} cannot be written: {error}", path.display()),
        }
    }

    /// Runs a command whose exit code is the verdict.
    fn check(&self, step: &str, command: &mut Command) -> Result<Verdict, String> {
        let finished = process::run(command)?;
        let log = self.keep_log(step, &finished);
        if finished.is_success {
            Ok(Verdict::passed())
        } else {
            Err(format!("{}\n{}\n({log})", headline(&finished), tail(finished.all())))
        }
    }
}

/// The last of these lines, without those by which cargo shows progress.
pub(crate) fn tail<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<&str> = lines.filter(|line| !is_progress(line)).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn is_progress(line: &str) -> bool {
    let verbs = ["Blocking", "Checking", "Compiling", "Documenting", "Downloaded", "Fresh"];
    // Cargo puts verbs into a column of twelve.
    line.starts_with(" ") && verbs.iter().any(|verb| line.trim_start().starts_with(verb))
}

/// The first error, for the table.
fn headline(finished: &Finished) -> &str {
    let is_error = |line: &&str| line.starts_with("error") || line.starts_with("Diff in ");
    finished.all().find(is_error).unwrap_or("failed; see above")
}

/// Adds the components that a minimal toolchain lacks, and downloads what the build needs, so that
/// a network that is down is not mistaken for a fault of the code.
pub(crate) fn set_up(context: &mut Context) -> Result<Verdict, String> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        let is_there = process::run(cargo(subcommand).arg("--version"))?.is_success;
        if !is_there {
            println!("      {component} is missing; adding it with rustup");
            let mut rustup = workspace::command("rustup");
            context.check("set-up", rustup.args(["component", "add", component]))?;
        }
    }
    context.check("set-up", &mut cargo("fetch --locked"))
}

pub(crate) fn format(context: &mut Context) -> Result<Verdict, String> {
    context.check("format", &mut cargo("fmt --all --check -- --color never"))
}

pub(crate) fn clippy(context: &mut Context) -> Result<Verdict, String> {
    let arguments = "clippy --workspace --all-targets --all-features --keep-going -- -D warnings";
    context.check("clippy", &mut cargo(arguments))
}

pub(crate) fn rustdoc(context: &mut Context) -> Result<Verdict, String> {
    let mut command = cargo("doc --workspace --no-deps --all-features --keep-going");
    context.check("rustdoc", command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Builds everything that the later steps run, and checks that the benchmarks compile.
pub(crate) fn build(context: &mut Context) -> Result<Verdict, String> {
    let arguments = "build --workspace --all-targets --all-features --keep-going \
                     --message-format json-render-diagnostics";
    let finished = process::run(&mut cargo(arguments))?;
    let log = context.keep_log("build", &finished);
    context.programs = finished.out().filter_map(built_program).collect();
    context.is_built = finished.is_success;
    if finished.is_success {
        return Ok(Verdict::passed());
    }
    Err(format!("{}\n{}\n({log})", headline(&finished), tail(finished.errors())))
}

/// The name and the path of the program that a message of cargo is about.
pub(crate) fn built_program(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let executable = message["executable"].as_str()?;
    let target = &message["target"];
    let is_program = target["kind"].as_array()?.contains(&"bin".into());
    let is_test = message["profile"]["test"].as_bool()?;
    (is_program && !is_test).then(|| (text(target, "name").to_owned(), executable.into()))
}

#[cfg(test)]
mod tests {
    use super::{built_program, tail};

    #[test]
    fn programs_are_told_from_tests_and_libraries() {
        let message = |kind: &str, test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"kind":["{kind}"],"name":"init-data"}},
                "profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let path = r#""/target/debug/init-data""#;
        assert_eq!(
            built_program(&message("bin", false, path)),
            Some(("init-data".to_owned(), "/target/debug/init-data".into()))
        );
        for other in [
            message("bin", true, path),
            message("test", true, path),
            message("lib", false, "null"),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
            "not json".to_owned(),
        ] {
            assert_eq!(built_program(&other), None, "{other}");
        }
    }

    #[test]
    fn the_tail_is_the_end() {
        let lines: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let tail = tail(lines.iter().map(String::as_str));
        assert!(tail.starts_with("20\n") && tail.ends_with("\n99"));
    }

    #[test]
    fn the_tail_is_free_of_progress() {
        let output = "   Compiling a v1.0.0\nerror: no\n  |  Checking\n Documenting a v1.0.0\n";
        assert_eq!(tail(output.lines()), "error: no\n  |  Checking");
    }
}
