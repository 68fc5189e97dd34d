//! The programs that come from PyPI, each in an environment of its own under `target/python`.
//!
//! Their versions are pinned, with all that they need, in `infrastructure/python/<name>.txt`. They
//! are apart because their needs contradict each other: SAM and the emulator want different
//! versions of the AWS SDK.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    process,
    workspace::{self, command},
};

/// An environment with everything that its list of versions names.
pub(crate) struct Environment {
    bin: PathBuf,
}

impl Environment {
    /// The environment `name`; made first if it is not there, or is there with another list.
    pub(crate) fn ready(name: &str) -> Result<Self, String> {
        let list = workspace::root().join(format!("infrastructure/python/{name}.txt"));
        let wanted = fs::read_to_string(&list)
            .map_err(|error| format!("{} cannot be read: {error}", list.display()))?;
        let directory = workspace::target_directory()?.join("python").join(name);
        let environment = Self { bin: directory.join("bin") };
        let stamp = directory.join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(environment);
        }
        println!("      installing {name} from PyPI");
        succeed(command("python3").args(["-m", "venv", "--clear"]).arg(&directory))
            .map_err(|error| format!("python3 with its module venv is needed: {error}"))?;
        let mut pip = command(environment.program("pip"));
        succeed(
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
                .arg(&list),
        )?;
        fs::write(&stamp, wanted)
            .map_err(|error| format!("{} cannot be written: {error}", stamp.display()))?;
        Ok(environment)
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Where its programs are.
    pub(crate) fn bin(&self) -> &Path {
        &self.bin
    }
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
