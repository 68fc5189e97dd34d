//! The functions' binaries, where `sam deploy` of a copy of the template looks for them: the
//! repository's own `target/lambda` holds what an engineer is about to deploy.

use std::{ffi::OsString, fs, path::Path, process::Command};

use super::{BUILD_LIMIT, succeed};
use crate::{
    python::Environment,
    verify::built_program,
    workspace::{self, cargo, command},
};

/// Which binaries are deployed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Build {
    /// Those of the development profile. `cargo test` has built them already, and they panic where
    /// arithmetic overflows.
    Development,
    /// Those of a release, by `cargo lambda build`: it takes minutes.
    Release,
}

/// Puts every function and the template into this folder.
pub(super) fn prepare(build: Build, tools: &Environment, directory: &Path) -> Result<(), String> {
    let lambda = directory.join("target/lambda");
    fs::create_dir_all(&lambda).map_err(|error| error.to_string())?;
    match build {
        Build::Development => development(&lambda)?,
        Build::Release => release(tools, &lambda)?,
    }
    for file in ["template.yaml", "samconfig.toml"] {
        fs::copy(workspace::root().join(file), directory.join(file))
            .map_err(|error| format!("{file} cannot be copied: {error}"))?;
    }
    Ok(())
}

fn development(lambda: &Path) -> Result<(), String> {
    let mut build = of_all(cargo("build --message-format json-render-diagnostics --bins"))?;
    for (name, program) in succeed(&mut build, BUILD_LIMIT)?.out().filter_map(built_program) {
        let bootstrap = lambda.join(&name).join("bootstrap");
        fs::create_dir_all(lambda.join(&name)).map_err(|error| error.to_string())?;
        // A third of the size: what is left out tells debuggers about lines.
        let mut strip = command("strip");
        strip.arg("-o").arg(&bootstrap).arg(&program);
        if succeed(&mut strip, BUILD_LIMIT).is_err() {
            fs::copy(&program, &bootstrap)
                .map_err(|error| format!("{} cannot be copied: {error}", program.display()))?;
        }
    }
    Ok(())
}

fn release(tools: &Environment, lambda: &Path) -> Result<(), String> {
    let mut build = of_all(cargo("lambda build --release --compiler cargo"))?;
    build.env("PATH", path_with(tools)?).arg("--lambda-dir").arg(lambda);
    succeed(&mut build, BUILD_LIMIT).map(drop)
}

/// This command for the package of every function.
fn of_all(mut command: Command) -> Result<Command, String> {
    for name in names()? {
        command.args(["--package", &name]);
    }
    Ok(command)
}

/// The packages in `functions`.
pub(super) fn names() -> Result<Vec<String>, String> {
    let entries = fs::read_dir(workspace::root().join("functions"));
    let entries = entries.map_err(|error| format!("functions cannot be listed: {error}"))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    Ok(names)
}

/// Where programs are looked for, the tools' own first: cargo finds `cargo lambda` there.
pub(super) fn path_with(tools: &Environment) -> Result<OsString, String> {
    let known = path();
    let all = std::iter::once(tools.bin()).chain(std::env::split_paths(&known));
    std::env::join_paths(all).map_err(|error| error.to_string())
}

#[expect(clippy::disallowed_methods, reason = "cargo looks for its subcommands there")]
fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}
