//! `cargo xtask bench`: measures with the profile of a release.

use crate::workspace;

/// Runs the benchmarks of the init-data crate, in front of the user.
pub(crate) fn init_data(arguments: &[&str]) -> Result<bool, String> {
    let status = workspace::cargo("bench --package minigate-init-data")
        .args(arguments)
        .status()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    Ok(status.success())
}
