//! `cargo xtask bench`: measures with the profile of a release.

use crate::workspace;

/// Runs the benchmarks of a package, in front of the user.
pub(crate) fn run(package: &str, arguments: &[&str]) -> Result<bool, String> {
    let status = workspace::cargo(&format!("bench --package {package}"))
        .args(arguments)
        .status()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    Ok(status.success())
}
