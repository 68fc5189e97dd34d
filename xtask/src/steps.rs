//! The steps of `cargo verify`, in order, with their budgets.
//!
//! A budget is for two idle cores and an empty target folder. The table at the end marks steps that exceed it,
//! which fails nothing, because machines are shared. A step whose budget exceeds the limits below belongs to
//! `--full`, or nowhere.

use crate::{
    advisories, audit, certificates, contract, deploy_test, fuzz, generate, gift, linters, openapi,
    packages, python, release,
    report::Verdict,
    tests_run, vectors,
    verify::{Context, build, clippy, format, rustdoc, set_up},
};

/// How much of it is run.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Depth {
    /// What everybody waits for before a change goes in.
    Quick,
    /// What CI also runs.
    Full,
}

pub(crate) struct Step {
    /// One word.
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// In seconds.
    pub(crate) budget: u64,
    pub(crate) depth: Depth,
    /// The steps that make what this one uses; `--only` runs them too.
    pub(crate) needs: &'static [&'static str],
    pub(crate) run: fn(&mut Context) -> Result<Verdict, String>,
}

const NOTHING: &[&str] = &[];
const PYTHON: &[&str] = &["python"];
const BUILD: &[&str] = &["build"];
const DEPLOYMENT: &[&str] = &["python", "build"];

/// The quick ones come first, and those of `--full` last.
#[rustfmt::skip]
pub(crate) const STEPS: &[Step] = &[
    quick("set-up", "rustfmt, clippy and the sources of all dependencies", 30, NOTHING, set_up),
    quick("format", "cargo fmt --check", 5, NOTHING, format),
    quick("dependencies", "licences, sources and banned crates", 5, NOTHING, |_| audit::verify()),
    quick("advisories", "known vulnerabilities, from the RustSec database", 20, NOTHING, |context| {
        advisories::verify(context)
    }),
    quick("packages", "the three libraries can be packaged for crates.io", 5, NOTHING, |context| {
        packages::verify(context)
    }),
    quick("python", "SAM, linters and the emulator, from PyPI", 75, NOTHING, python),
    quick("templates", "cfn-lint, sam validate, rules of our own, checkov", 45, PYTHON, |context| {
        context.with_python(linters::templates)
    }),
    quick("workflows", "zizmor", 10, PYTHON, |context| context.with_python(linters::workflows)),
    quick("actionlint", "the workflows once more", 10, PYTHON, |context| {
        context.with_python(linters::actionlint)
    }),
    quick("clippy", "cargo clippy, warnings denied", 220, NOTHING, clippy),
    quick("build", "libraries, programs, tests and benchmarks", 400, NOTHING, build),
    quick("tests", "cargo test, the architecture test included", 150, BUILD, |context| {
        tests_run::tests(context)
    }),
    quick("doctests", "the examples in the documentation", 30, BUILD, |context| {
        tests_run::doctests(context)
    }),
    quick("vectors", "init-data verify --batch over its vectors", 5, BUILD, |context| {
        vectors::verify(context)
    }),
    quick("gift", "random GIFT files, read as gift-pegjs reads them", 15, NOTHING, |context| {
        gift::verify(context)
    }),
    quick("certificates", "verified by openbadgeslib and jose", 20, BUILD, |context| {
        certificates::verify(context.program("sample-certificates")?)
    }),
    quick("generated", "what `cargo xtask generate` writes is committed", 5, BUILD, |context| {
        generate::verify(context)
    }),
    quick("api-reference", "docs/openapi.json: a linter, and a client that compiles", 30, NOTHING, |_| openapi::lint()),
    quick("deployment", "sam deploy to an emulator of AWS, and what holds there", 150, DEPLOYMENT, |context| {
        deploy_test::verify(context)
    }),
    full("rustdoc", "cargo doc, warnings denied", 90, NOTHING, rustdoc),
    full("publishing", "the packages of the libraries compile by themselves", 100, NOTHING, |context| {
        packages::verify_builds(context)
    }),
    full("simulations", "the simulations of limiter and cache, ten times as long", 240, BUILD, |context| {
        tests_run::simulations(context)
    }),
    full("fuzz", "a bounded run of each fuzz target", 180, NOTHING, |context| fuzz::verify(context)),
    full("contract", "a fuzzer that asks what docs/openapi.json allows", 180, BUILD, |context| {
        contract::verify(context.program("minigate-local")?)
    }),
    full("features", "the functions with the features of their own serve a user", 240, DEPLOYMENT, |context| {
        deploy_test::verify_features(context)
    }),
    full("iam-mutants", "each permission is needed, as docs/iam-mutants.md says", 420, DEPLOYMENT, |context| {
        deploy_test::verify_mutants(context)
    }),
    full("release", "the functions as they are released, and their sizes", 840, NOTHING, |context| {
        release::verify(context)
    }),
];

type Run = fn(&mut Context) -> Result<Verdict, String>;

const fn quick(
    name: &'static str,
    description: &'static str,
    budget: u64,
    needs: &'static [&'static str],
    run: Run,
) -> Step {
    Step { name, description, budget, depth: Depth::Quick, needs, run }
}

const fn full(
    name: &'static str,
    description: &'static str,
    budget: u64,
    needs: &'static [&'static str],
    run: Run,
) -> Step {
    Step { depth: Depth::Full, ..quick(name, description, budget, needs, run) }
}

fn python(context: &mut Context) -> Result<Verdict, String> {
    let verdict = python::verify()?;
    context.has_python = true;
    Ok(verdict)
}

/// The steps of this depth, in their order.
pub(crate) fn of_depth(depth: Depth) -> Vec<&'static Step> {
    STEPS.iter().filter(|step| depth == Depth::Full || step.depth == Depth::Quick).collect()
}

/// The steps of these names, separated by commas, with those that they need.
pub(crate) fn only(names: &str) -> Result<Vec<&'static Step>, String> {
    let mut chosen: Vec<&str> = Vec::new();
    let mut open: Vec<&str> = names.split(',').map(str::trim).collect();
    while let Some(name) = open.pop() {
        let Some(step) = STEPS.iter().find(|step| step.name == name) else {
            let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
            return Err(format!("there is no step `{name}`; the steps are {}", known.join(", ")));
        };
        chosen.push(step.name);
        open.extend(step.needs);
    }
    Ok(STEPS.iter().filter(|step| chosen.contains(&step.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::{Depth, STEPS, of_depth, only};

    fn names(steps: &[&super::Step]) -> Vec<&'static str> {
        steps.iter().map(|step| step.name).collect()
    }

    #[test]
    fn the_budgets_keep_within_what_everybody_and_ci_wait_for() {
        let minutes = |depth| of_depth(depth).iter().map(|step| step.budget).sum::<u64>() / 60;
        assert!(minutes(Depth::Quick) <= 20);
        assert!(minutes(Depth::Full) < 60);
    }

    #[test]
    fn the_names_fit_the_table_and_are_names_of_files() {
        for step in STEPS {
            assert!(step.name.len() < 14, "{}", step.name);
            assert!(step.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        }
    }

    #[test]
    fn what_a_step_needs_comes_before_it() {
        for (at, step) in STEPS.iter().enumerate() {
            for need in step.needs {
                assert!(STEPS[..at].iter().any(|other| other.name == *need), "{}", step.name);
            }
        }
    }

    #[test]
    fn chosen_steps_bring_what_they_need_in_order() {
        assert_eq!(names(&only("tests, clippy").unwrap()), ["clippy", "build", "tests"]);
        assert_eq!(names(&only("deployment").unwrap()), ["python", "build", "deployment"]);
        let error = only("clipy").err().unwrap();
        assert!(error.contains("`clipy`") && error.contains("clippy"), "{error}");
    }
}
