//! `cargo xtask generate`: everything that follows from the code and from the hand-written files of
//! the nouns. Each of these files is committed and compared by `cargo verify`.
//!
//! | file | made of |
//! |---|---|
//! | `Cargo.toml`, `infrastructure/local/Cargo.toml` (their marked blocks) | the folders of `functions/` |
//! | `infrastructure/local/src/functions.rs` | the same |
//! | `docs/openapi.json` | the routes and types of the code |
//! | `functions/system/src/catalogue.rs` | the limits and cache namespaces of all functions |
//! | `template.yaml` | routes and needs of the code, `function.yaml` of each function, `infrastructure/template/` |

pub(crate) mod new_function;
mod template;

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::{
    process,
    report::Verdict,
    verify::{Context, built_program},
    workspace::{self, cargo},
};

const BEGIN: &str = "# functions, by `cargo xtask generate`";
const END: &str = "# end of the functions";

/// Writes every generated file anew.
pub(crate) fn write() -> Result<bool, String> {
    let nouns = nouns()?;
    // The sources first: the rest is what the compiled program says.
    for (path, text) in sources(&nouns)? {
        put(path, &text)?;
    }
    let program = build()?;
    for (path, text) in documents(&program)? {
        put(path, &text)?;
    }
    Ok(true)
}

/// A step of `verify`: the committed files are what their sources generate.
pub(crate) fn verify(context: &Context) -> Result<Verdict, String> {
    let program = context.program("minigate-local")?;
    let mut files = sources(&nouns()?)?;
    files.extend(documents(program)?);
    let mut differences = Vec::new();
    for (path, generated) in files {
        let difference = first_difference(get(path)?.lines(), generated.lines());
        differences.extend(difference.map(|difference| format!("{path}, {difference}")));
    }
    if differences.is_empty() {
        return Ok(Verdict::passed());
    }
    Err(format!("out of date; run `cargo xtask generate`\n{}", differences.join("\n")))
}

/// The nouns: the folders of `functions/` that hold a package, in the order of their names.
pub(crate) fn nouns() -> Result<Vec<String>, String> {
    let folder = workspace::root().join("functions");
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| format!("functions/ cannot be read: {error}"))?;
    let mut nouns: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    nouns.sort_unstable();
    Ok(nouns)
}

/// The files that cargo and the compiler read.
fn sources(nouns: &[String]) -> Result<Vec<(&'static str, String)>, String> {
    let block = |line: fn(&str) -> String| nouns.iter().map(|noun| line(noun)).collect::<String>();
    let paths = block(|noun| format!("{noun} = {{ path = \"functions/{noun}\" }}\n"));
    let uses = block(|noun| format!("{noun} = {{ workspace = true }}\n"));
    Ok(vec![
        ("Cargo.toml", with_block("Cargo.toml", &get("Cargo.toml")?, &paths)?),
        ("infrastructure/local/Cargo.toml", {
            let path = "infrastructure/local/Cargo.toml";
            with_block(path, &get(path)?, &uses)?
        }),
        ("infrastructure/local/src/functions.rs", registry(nouns)),
    ])
}

/// The files that the compiled code is the source of.
fn documents(program: &Path) -> Result<Vec<(&'static str, String)>, String> {
    let described = template::parse_description(&output(program, "describe")?)?;
    Ok(vec![
        ("docs/openapi.json", output(program, "openapi")?),
        ("functions/system/src/catalogue.rs", output(program, "limits")?),
        ("template.yaml", template::render(described)?),
    ])
}

/// The list of all functions, for `cargo dev`.
fn registry(nouns: &[String]) -> String {
    let mut text = format!(
        "//! Every function of the workspace. Written by `cargo xtask generate`.\n\n\
         use minigate_platform::Function;\n\n\
         /// The functions, in the order of their names.\n\
         pub fn all() -> [Function; {}] {{\n    [\n",
        nouns.len()
    );
    for noun in nouns {
        let _ = writeln!(text, "        {}::function(),", noun.replace('-', "_"));
    }
    text.push_str("    ]\n}\n");
    text
}

/// The text with what stands between the two markers replaced.
fn with_block(path: &str, text: &str, block: &str) -> Result<String, String> {
    let missing = || format!("{path} lacks the lines `{BEGIN}` and `{END}`");
    let (before, rest) = text.split_once(&format!("{BEGIN}\n")).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n{block}{END}{after}"))
}

/// Builds `minigate-local` as `verify` does, so that neither compiles dependencies again for the other.
fn build() -> Result<PathBuf, String> {
    let mut build = cargo("build --workspace --all-features --bin minigate-local");
    let built = build
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    let messages = String::from_utf8_lossy(&built.stdout);
    let mut programs = messages.lines().filter_map(built_program);
    match programs.find(|(name, _)| name == "minigate-local") {
        Some((_, program)) if built.status.success() => Ok(program),
        _ => Err("minigate-local does not compile; nothing further is written".to_owned()),
    }
}

/// What the program answers to this command.
fn output(program: &Path, question: &str) -> Result<String, String> {
    let finished = process::run(workspace::command(program).arg(question))?;
    let lines: String = finished.out().map(|line| format!("{line}\n")).collect();
    if finished.is_success && !lines.is_empty() {
        Ok(lines)
    } else {
        Err(format!("`minigate-local {question}` failed"))
    }
}

fn get(path: &str) -> Result<String, String> {
    std::fs::read_to_string(workspace::root().join(path))
        .map_err(|error| format!("{path} cannot be read: {error}"))
}

/// Writes a file if it changes; cargo rebuilds what is newer than its output.
fn put(path: &str, text: &str) -> Result<(), String> {
    if get(path).is_ok_and(|known| known == text) {
        return Ok(());
    }
    std::fs::write(workspace::root().join(path), text)
        .map_err(|error| format!("{path} cannot be written: {error}"))?;
    println!("{path} is written");
    Ok(())
}

fn first_difference<'a>(
    mut committed: impl Iterator<Item = &'a str>,
    mut generated: impl Iterator<Item = &'a str>,
) -> Option<String> {
    for number in 1.. {
        match (committed.next(), generated.next()) {
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
    use super::{BEGIN, END, first_difference, with_block};

    #[test]
    fn the_first_line_that_differs_is_shown() {
        let difference = |left: &str, right: &str| first_difference(left.lines(), right.lines());
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let shown = "line 2\n  committed: b\n  generated: c";
        assert_eq!(difference("a\nb\n", "a\nc\n").as_deref(), Some(shown));
        let shown = "line 2\n  committed: (end)\n  generated: b";
        assert_eq!(difference("a\n", "a\nb\n").as_deref(), Some(shown));
    }

    #[test]
    fn a_block_is_replaced_between_its_markers() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let replaced = format!("a\n{BEGIN}\nnew\n{END}\nb\n");
        assert_eq!(with_block("Cargo.toml", &text, "new\n"), Ok(replaced));
        let error = with_block("Cargo.toml", "a\n", "new\n").unwrap_err();
        assert!(error.starts_with("Cargo.toml lacks the lines"), "{error}");
    }
}
