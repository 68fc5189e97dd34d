//! The functions' binaries, where `sam deploy` of a copy of the template looks for them: the
//! repository's own `target/lambda` holds what an engineer is about to deploy.

use std::{ffi::OsString, fmt, fs, path::Path, process::Command};

use super::{BUILD_LIMIT, succeed};
use crate::{
    python::Environment,
    verify::{Programs, built_program},
    workspace::{self, cargo, command},
};

/// Which binaries are deployed.
#[derive(Clone, Copy)]
pub(crate) enum Build<'a> {
    /// Those that the build step of `verify` has built, with the features of the whole workspace.
    Given(&'a Programs),
    /// Those of the development profile with the features of their own, as in a release. They panic
    /// where arithmetic overflows.
    Development,
    /// Those of a release, by `cargo lambda build`: it takes minutes.
    Release,
}

impl fmt::Display for Build<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Given(_) => "those of the build step",
            Self::Development => "of the development profile",
            Self::Release => "of a release",
        })
    }
}

/// Puts every function and the template into this folder.
pub(super) fn prepare(
    build: Build<'_>,
    tools: &Environment,
    directory: &Path,
) -> Result<(), String> {
    let lambda = directory.join("target/lambda");
    fs::create_dir_all(&lambda).map_err(|error| error.to_string())?;
    match build {
        Build::Given(programs) => {
            for name in names()? {
                let program = programs.get(&name);
                strip(
                    program.ok_or_else(|| format!("there is no program {name}"))?,
                    &name,
                    &lambda,
                )?;
            }
        }
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
    let build = cargo("build --message-format json-render-diagnostics --bins");
    let built = succeed(&mut of_all_functions(build)?, BUILD_LIMIT)?;
    for (name, program) in built.out().filter_map(built_program) {
        strip(&program, &name, lambda)?;
    }
    Ok(())
}

/// Puts the program in its place, at a third of its size: what is left out tells debuggers about lines.
fn strip(program: &Path, name: &str, lambda: &Path) -> Result<(), String> {
    let folder = lambda.join(name);
    let bootstrap = folder.join("bootstrap");
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let mut strip = command("strip");
    strip.arg("-o").arg(&bootstrap).arg(program);
    if succeed(&mut strip, BUILD_LIMIT).is_err() {
        fs::copy(program, &bootstrap)
            .map_err(|error| format!("{} cannot be copied: {error}", program.display()))?;
    }
    Ok(())
}

fn release(tools: &Environment, lambda: &Path) -> Result<(), String> {
    let mut build = of_all_functions(cargo("lambda build --release --compiler cargo"))?;
    build.env("PATH", path_with(tools)?).arg("--lambda-dir").arg(lambda);
    succeed(&mut build, BUILD_LIMIT).map(drop)
}

/// This command for the package of every function.
pub(crate) fn of_all_functions(mut command: Command) -> Result<Command, String> {
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
