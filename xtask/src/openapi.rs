//! The committed API reference, docs/openapi.json, and the one that the routes generate.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::{process, report::Verdict, verify::Context, workspace};

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
        None => Ok(Verdict::passed()),
        Some(difference) => Err(format!(
            "docs/openapi.json is out of date; run `cargo xtask openapi`\n{difference}"
        )),
    }
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
