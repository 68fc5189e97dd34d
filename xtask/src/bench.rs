//! `cargo xtask bench`: measures with the profile of a release.

use std::{fs, path::Path};

use crate::workspace;

/// Every benchmark, one after the other.
pub(crate) fn all() -> Result<bool, String> {
    let all = [
        package("minigate-init-data", &[])?,
        package("minigate-limiter", &[])?,
        package("minigate-cache", &[])?,
        functions(&[])?,
    ];
    Ok(all.iter().all(|is_success| *is_success))
}

/// Runs the benchmarks of a package, in front of the user.
pub(crate) fn package(package: &str, arguments: &[&str]) -> Result<bool, String> {
    cargo(&format!("bench --package {package}"), arguments)
}

/// Builds the functions as they are released and measures them, or those of the folders that
/// `--binaries` names.
pub(crate) fn functions(arguments: &[&str]) -> Result<bool, String> {
    let built = workspace::target_directory()?.join("release").to_string_lossy().into_owned();
    let mut arguments = arguments.to_vec();
    let needs_no_build =
        |argument: &&str| argument.starts_with("--binaries") || ["-h", "--help"].contains(argument);
    if !arguments.iter().any(needs_no_build) {
        let packages: Vec<_> = names(&workspace::root().join("functions"))?
            .into_iter()
            .flat_map(|name| ["--package".to_owned(), name])
            .collect();
        let packages: Vec<_> = packages.iter().map(String::as_str).collect();
        if !cargo("build --release --bins", &packages)? {
            return Ok(false);
        }
        arguments.extend(["--binaries", &built]);
    }
    let driver = "bench --profile bench-driver --package minigate-local --bench functions --";
    cargo(driver, &arguments)
}

fn cargo(command: &str, arguments: &[&str]) -> Result<bool, String> {
    let status = workspace::cargo(command)
        .args(arguments)
        .status()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    Ok(status.success())
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Result<Vec<String>, String> {
    let unreadable = |error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}
