//! Programs from PyPI, each in its own environment under `target/python`.
//!
//! `infrastructure/python/<name>.txt` pins their versions and dependencies. They are separate because their
//! dependencies conflict: SAM and the emulator need different versions of the AWS SDK.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    process,
    report::Verdict,
    workspace::{self, command},
};

/// An environment with everything that its list of versions names.
pub(crate) struct Environment {
    directory: PathBuf,
}

/// The names of the environments that `verify` needs on every machine.
const NEEDED: [&str; 4] = ["sam", "checkov", "emulator", "zizmor"];

/// A step of `verify`: makes the environments that are not there yet.
pub(crate) fn verify() -> Result<Verdict, String> {
    NEEDED.into_iter().try_for_each(|name| Environment::ready(name).map(drop))?;
    Ok(Verdict::passed())
}

impl Environment {
    /// Whether the environment `name` is there, with its present list.
    pub(crate) fn is_ready(name: &str) -> Result<bool, String> {
        let (environment, wanted) = Self::named(name)?;
        Ok(environment.has(&wanted))
    }

    /// The environment `name`; made first if it is not there, or is there with another list.
    pub(crate) fn ready(name: &str) -> Result<Self, String> {
        let (environment, wanted) = Self::named(name)?;
        if environment.has(&wanted) {
            return Ok(environment);
        }
        println!("      installing {name} from PyPI");
        let directory = &environment.directory;
        succeed(command("python3").args(["-m", "venv", "--clear"]).arg(directory))
            .map_err(|error| format!("python3 with its module venv is needed: {error}"))?;
        let mut pip = command(environment.program("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.args(["--retries", "2", "--requirement"]).arg(list(name));
        succeed(&mut pip).map_err(|error| {
            let last = error.lines().next_back().unwrap_or_default();
            format!(
                "pip cannot install infrastructure/python/{name}.txt; is its index in reach? \
                 {last}\n{error}"
            )
        })?;
        let stamp = environment.stamp();
        fs::write(&stamp, wanted)
            .map_err(|error| format!("{} cannot be written: {error}", stamp.display()))?;
        Ok(environment)
    }

    /// Where the environment `name` is or would be, and the versions that it must have.
    fn named(name: &str) -> Result<(Self, String), String> {
        let wanted = fs::read_to_string(list(name))
            .map_err(|error| format!("infrastructure/python/{name}.txt cannot be read: {error}"))?;
        let directory = workspace::target_directory()?.join("python").join(name);
        Ok((Self { directory }, wanted))
    }

    /// Its Python may be gone since it was made, with an update of the system.
    fn has(&self, wanted: &str) -> bool {
        fs::read_to_string(self.stamp()).is_ok_and(|installed| installed == wanted)
            && succeed(command(self.program("python")).arg("--version")).is_ok()
    }

    fn stamp(&self) -> PathBuf {
        self.directory.join("installed.txt")
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }

    /// Where its programs are.
    pub(crate) fn bin(&self) -> PathBuf {
        self.directory.join("bin")
    }
}

fn list(name: &str) -> PathBuf {
    workspace::root().join(format!("infrastructure/python/{name}.txt"))
}

/// Runs the command; the last that it said is the error if it fails.
fn succeed(command: &mut Command) -> Result<(), String> {
    let finished = process::run(command)?;
    if finished.is_success {
        return Ok(());
    }
    let lines: Vec<&str> = finished.all().collect();
    Err(lines[lines.len().saturating_sub(10)..].join("\n"))
}
