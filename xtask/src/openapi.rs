//! The committed API reference, docs/openapi.json, and the one that the routes generate.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::{
    node, process,
    report::Verdict,
    verify::Context,
    workspace::{self, command},
};

/// The packages from npm that look at the reference, and what they need besides.
const PACKAGES: &str = "api-reference";
const CLIENT: [&str; 3] = ["client.ts", "tsconfig.json", "redocly.yaml"];

fn path() -> PathBuf {
    workspace::root().join("docs/openapi.json")
}

/// `cargo xtask openapi`: writes the reference anew.
pub(crate) fn write() -> Result<bool, String> {
    let output = workspace::cargo("run --quiet --package minigate-local -- openapi")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() || output.stdout.is_empty() {
        return Err("`cargo dev openapi` failed; docs/openapi.json is left as it was".to_owned());
    }
    let is_new = std::fs::read(path()).ok().as_ref() != Some(&output.stdout);
    std::fs::write(path(), output.stdout)
        .map_err(|error| format!("docs/openapi.json cannot be written: {error}"))?;
    println!("docs/openapi.json {}", if is_new { "is written" } else { "was up to date" });
    Ok(true)
}

/// A step of `verify`: the committed reference is the generated one.
pub(crate) fn verify(context: &Context) -> Result<Verdict, String> {
    let program: &Path = context.program("minigate-local")?;
    let finished = process::run(workspace::command(program).arg("openapi"))?;
    context.keep_log("api-reference", &finished);
    if !finished.is_success {
        return Err(format!("`{} openapi` failed", program.display()));
    }
    let committed = std::fs::read_to_string(path())
        .map_err(|error| format!("docs/openapi.json cannot be read: {error}"))?;
    match first_difference(committed.lines(), finished.out()) {
        None => lint(),
        Some(difference) => Err(format!(
            "docs/openapi.json is out of date; run `cargo xtask openapi`\n{difference}"
        )),
    }
}

/// What others make of the committed reference: a linter finds nothing, and a client that is
/// generated from it compiles.
pub(crate) fn lint() -> Result<Verdict, String> {
    if !node::is_installed() {
        return Ok(Verdict::passed().with_note("not linted: there is no Node.js"));
    }
    let redocly = node::program(PACKAGES, "redocly")?;
    let directory = workspace::target_directory()?.join("node").join(PACKAGES);
    for file in CLIENT {
        let source = workspace::root().join("infrastructure/node").join(PACKAGES).join(file);
        std::fs::copy(source, directory.join(file))
            .map_err(|error| format!("{file} cannot be copied: {error}"))?;
    }
    let program = |name: &str| directory.join("node_modules/.bin").join(name);
    let mut lint = command(redocly);
    lint.args(["lint", "--config", "redocly.yaml", "--format", "stylish"]).arg(path());
    // It asks nobody on the internet.
    lint.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    let mut types = command(program("openapi-typescript"));
    types.arg(path()).args(["--output", "api.d.ts"]);
    let mut compile = command(program("tsc"));
    compile.args(["--project", "tsconfig.json"]);
    for (name, command) in
        [("redocly", &mut lint), ("openapi-typescript", &mut types), ("tsc", &mut compile)]
    {
        let finished = process::run(command.current_dir(&directory))?;
        // The linter passes with warnings, and nothing may be said.
        let warns =
            name == "redocly" && finished.all().any(|line| line.contains("Warning was generated"));
        if !finished.is_success || warns {
            let said: Vec<&str> = finished.all().collect();
            return Err(format!("{name} refuses docs/openapi.json\n{}", said.join("\n")));
        }
    }
    Ok(Verdict::passed())
}

fn first_difference<'a>(
    mut committed: impl Iterator<Item = &'a str>,
    mut generated: impl Iterator<Item = &'a str>,
) -> Option<String> {
    for number in 1.. {
        let pair = (committed.next(), generated.next());
        match pair {
            (None, None) => return None,
            (left, right) if left == right => {}
            (left, right) => {
                let (left, right) = (left.unwrap_or("(end)"), right.unwrap_or("(end)"));
                return Some(format!("line {number}\n  committed: {left}\n  generated: {right}"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    fn difference(left: &str, right: &str) -> Option<String> {
        first_difference(left.lines(), right.lines())
    }

    #[test]
    fn the_first_line_that_differs_is_shown() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(
            difference("a\nb\n", "a\nc\n").as_deref(),
            Some("line 2\n  committed: b\n  generated: c")
        );
        assert_eq!(
            difference("a\n", "a\nb\n").as_deref(),
            Some("line 2\n  committed: (end)\n  generated: b")
        );
    }
}
