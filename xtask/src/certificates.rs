//! Certificates, verified by the software of others: openbadgeslib (PyPI) both forms and the status, and
//! `jose` (npm) the JWT where there is a Node.js. They get what the API publishes, and ask nobody on the
//! internet.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    node, process,
    python::Environment,
    report::{Tally, Verdict},
    workspace::{self, command},
};

const PACKAGES: &str = "certificates";

/// A step of `verify`, with the program that issues the samples.
pub(crate) fn verify(program: &Path) -> Result<Verdict, String> {
    let samples = samples(program)?;
    let python = Environment::ready(PACKAGES)?.program("python");
    let script = workspace::root().join("infrastructure/certificates/verify.py");
    accepted("openbadgeslib", command(python).arg(script), &samples)?;
    let tally = |passed| Some(Tally { passed, failed: 0, skipped: 2 - passed });
    if !node::is_installed() {
        let verdict = Verdict::passed().with_note("not verified by jose: there is no Node.js");
        return Ok(Verdict { tests: tally(1), ..verdict });
    }
    accepted("jose", command("node").arg(jose()?), &samples)?;
    Ok(Verdict { tests: tally(2), ..Verdict::passed() })
}

/// The certificates and what verifies them.
fn samples(program: &Path) -> Result<String, String> {
    let finished = process::run(&mut command(program))?;
    let printed = finished.out().last().filter(|_| finished.is_success);
    let said = || finished.all().collect::<Vec<_>>().join("\n");
    let printed = printed.ok_or_else(|| format!("no certificates were issued\n{}", said()))?;
    Ok(printed.to_owned())
}

/// The script beside the packages that it imports.
fn jose() -> Result<PathBuf, String> {
    let directory = workspace::target_directory()?.join("node").join(PACKAGES);
    node::program(PACKAGES, "none")?;
    let script = directory.join("verify.mjs");
    let source = workspace::root().join("infrastructure/node").join(PACKAGES).join("verify.mjs");
    std::fs::copy(source, &script).map_err(|error| format!("verify.mjs: {error}"))?;
    Ok(script)
}

fn accepted(name: &str, verifier: &mut Command, samples: &str) -> Result<(), String> {
    let finished = process::run_with_input(verifier, samples.to_owned())?;
    let said: Vec<&str> = finished.all().collect();
    if finished.is_success {
        println!("      {}", said.last().unwrap_or(&""));
        return Ok(());
    }
    Err(format!("{name} does not accept our certificates\n{}", said.join("\n")))
}
