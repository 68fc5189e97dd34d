//! Cargo as a child process, and its metadata of this workspace.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What `cargo run` and `cargo test` tell a program about its own package. Build scripts of others
/// (ring's, for one) watch some of them, and would run again if they came through.
const OF_THIS_PACKAGE: [&str; 18] = [
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_LICENSE_FILE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_README",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// The folder of the workspace: the one above this package.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// A program that runs in the workspace's folder.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for name in OF_THIS_PACKAGE {
        command.env_remove(name);
    }
    command
}

/// Cargo with these arguments, separated by spaces.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut command = command("cargo");
    command.args(arguments.split_whitespace());
    command
}

/// The answer of `cargo metadata` with these further arguments.
pub(crate) fn metadata(arguments: &str) -> Result<Value, String> {
    let mut command = cargo("metadata --format-version 1");
    let output = command
        .args(arguments.split_whitespace())
        .output()
        .map_err(|error| format!("cargo metadata cannot be run: {error}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo metadata failed: {}", reason.trim()));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("the answer of cargo metadata is no JSON: {error}"))
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf, String> {
    let metadata = metadata("--no-deps --offline")?;
    let path = metadata["target_directory"].as_str();
    path.map(PathBuf::from).ok_or_else(|| "cargo metadata names no target directory".to_owned())
}

/// The packages in an answer of [`metadata`].
pub(crate) fn packages(metadata: &Value) -> &[Value] {
    metadata["packages"].as_array().map_or(&[], Vec::as_slice)
}

/// A text field of a package, or the empty text.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
