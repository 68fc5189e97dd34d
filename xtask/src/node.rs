//! Programs from npm, under `target/node`, if Node.js is installed.
//!
//! They are pinned by `infrastructure/node/<name>/package-lock.json`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    process,
    workspace::{self, command},
};

const LISTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Whether there is a Node.js with npm.
pub(crate) fn is_installed() -> bool {
    let answers = |program| {
        process::run(command(program).arg("--version")).is_ok_and(|finished| finished.is_success)
    };
    answers("node") && answers("npm")
}

/// A program of the packages `name`, which are installed first if they are not there as listed. None
/// of them runs a script of its own meanwhile.
pub(crate) fn program(name: &str, program: &str) -> Result<PathBuf, String> {
    let directory = workspace::target_directory()?.join("node").join(name);
    let list = workspace::root().join("infrastructure/node").join(name);
    let stamp = directory.join("installed.json");
    let wanted = read(&list.join("package-lock.json"))?;
    if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        install(name, &list, &directory)?;
        fs::write(&stamp, wanted)
            .map_err(|error| format!("{} cannot be written: {error}", stamp.display()))?;
    }
    Ok(directory.join("node_modules/.bin").join(program))
}

fn install(name: &str, list: &Path, directory: &Path) -> Result<(), String> {
    println!("      installing {name} from npm");
    fs::create_dir_all(directory)
        .map_err(|error| format!("{} cannot be made: {error}", directory.display()))?;
    for file in LISTS {
        fs::write(directory.join(file), read(&list.join(file))?)
            .map_err(|error| format!("{file} cannot be copied: {error}"))?;
    }
    let mut npm = command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(directory);
    let finished = process::run(&mut npm)?;
    if finished.is_success {
        return Ok(());
    }
    let said: Vec<&str> = finished.all().collect();
    Err(format!("npm cannot install {name}; is its registry in reach?\n{}", said.join("\n")))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}
