//! The binary of a function, built if it is not there.

use std::{
    io,
    path::PathBuf,
    process::Command,
    sync::{LazyLock, Mutex},
};

use serde_json::Value;

use super::lock;

/// The binary of the function with this name. Cargo has most likely built it already; a test cannot
/// be sure.
///
/// # Errors
/// What cargo says if it does not build.
pub fn binary(function: &str) -> io::Result<PathBuf> {
    build(&["--package", function, "--bin", function])
}

/// An example of a package, which is a function as well.
///
/// # Errors
/// What cargo says if it does not build.
pub fn example(package: &str, example: &str) -> io::Result<PathBuf> {
    build(&["--package", package, "--example", example])
}

fn build(arguments: &[&str]) -> io::Result<PathBuf> {
    static BUILDING: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);
    let _one_at_a_time = lock(&BUILDING);
    let mut build = Command::new(env!("CARGO"));
    // Build scripts watch these. With the test's own values, cargo would build half of the tree
    // again, and the next cargo without them once more.
    for name in [
        "MANIFEST_DIR",
        "PKG_NAME",
        "PKG_VERSION_MAJOR",
        "PKG_VERSION_MINOR",
        "PKG_VERSION_PATCH",
        "PKG_VERSION_PRE",
    ] {
        build.env_remove(format!("CARGO_{name}"));
    }
    let output = build
        .args(["build", "--quiet", "--message-format=json"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables =
        artifacts.filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from));
    executables.next_back().ok_or_else(|| io::Error::other("cargo names no executable"))
}
