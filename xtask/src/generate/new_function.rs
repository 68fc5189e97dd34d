//! `cargo xtask new-function NOUN`: a working function with a route, in folders named after the noun.

use std::path::Path;

use crate::workspace;

/// Words that a noun may not be: cargo, Rust or the template use them otherwise.
const RESERVED: [&str; 10] =
    ["alarms", "api", "audit", "crate", "main", "self", "shared", "tests", "volatile", "xtask"];

/// What is written, by path; `{noun}` and `{Noun}` stand for the name.
const FILES: [(&str, &str); 5] = [
    ("functions/{noun}/Cargo.toml", include_str!("new_function/Cargo.toml.txt")),
    ("functions/{noun}/function.yaml", include_str!("new_function/function.yaml.txt")),
    ("functions/{noun}/src/main.rs", include_str!("new_function/main.rs.txt")),
    ("functions/{noun}/src/lib.rs", include_str!("new_function/lib.rs.txt")),
    ("tests/tests/black_box/{noun}/mod.rs", include_str!("new_function/black_box.rs.txt")),
];

/// The black-box tests list their modules here.
const TESTS: &str = "tests/tests/black_box/main.rs";

/// Has a table of all routes.
const README: &str = "README.md";

/// Writes the function, and everything that follows from it.
///
/// # Errors
/// A name that is none or that exists: nothing is written then.
pub(crate) fn run(noun: &str) -> Result<bool, String> {
    check_name(noun)?;
    let files: Vec<(String, String)> =
        FILES.iter().map(|(path, text)| (fill(path, noun), fill(text, noun))).collect();
    for (path, _) in &files {
        let folder = Path::new(path).ancestors().nth(1).unwrap_or(Path::new(path));
        if workspace::root().join(folder).exists() {
            return Err(format!("{} exists; a noun is used once", folder.display()));
        }
    }
    for (path, text) in &files {
        write(path, text)?;
        println!("{path}");
    }
    edit(TESTS, |text| with_module(text, noun))?;
    edit(README, |text| with_row(text, noun))?;
    super::write()?;
    println!(
        "\nNow edit functions/{noun}/src/lib.rs, and run `cargo xtask generate` when a route, a need or \
         function.yaml changes.\n`cargo dev` serves GET /v1/{noun}; \
         `cargo test -p minigate-tests {noun}` tests it."
    );
    Ok(true)
}

fn check_name(noun: &str) -> Result<(), String> {
    let is_word = noun.len() <= 24
        && noun.starts_with(|first: char| first.is_ascii_lowercase())
        && noun.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !is_word {
        return Err(format!(
            "`{noun}` is no name of a function: a noun of 1 to 24 lower-case letters and digits"
        ));
    }
    if RESERVED.contains(&noun) {
        return Err(format!("`{noun}` is reserved; the workspace uses it for something else"));
    }
    Ok(())
}

fn fill(text: &str, noun: &str) -> String {
    let (first, rest) = noun.split_at(1);
    let capital = first.to_ascii_uppercase() + rest;
    let constant = noun.to_ascii_uppercase();
    text.replace("{noun}", noun).replace("{Noun}", &capital).replace("{NOUN}", &constant)
}

/// Changes a file that exists.
fn edit(path: &str, change: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let text = std::fs::read_to_string(workspace::root().join(path))
        .map_err(|error| format!("{path} cannot be read: {error}"))?;
    let changed = change(&text).ok_or_else(|| format!("{path} has no place for it"))?;
    write(path, &changed)?;
    println!("{path}");
    Ok(())
}

/// The text with a module more, in the order of their names.
fn with_module(text: &str, noun: &str) -> Option<String> {
    let module = format!("mod {noun};");
    let is_module = |line: &str| line.starts_with("mod ") && line.ends_with(';');
    let after = |line: &&str| is_module(line) && **line > *module;
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|line| is_module(line))?;
    let at = lines.iter().position(after).unwrap_or(last + 1);
    Some(with_line(text, at, &module))
}

/// The text with a row more at the end of the table of routes.
fn with_row(text: &str, noun: &str) -> Option<String> {
    let head = text.lines().position(|line| line == "| route | who | what |")?;
    let rows = text.lines().skip(head).take_while(|line| line.starts_with('|')).count();
    let row = format!("| `GET /v1/{noun}` | user | the user's id |");
    Some(with_line(text, head + rows, &row))
}

/// The text with another line before the one at `index`.
fn with_line(text: &str, index: usize, line: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(index, line);
    lines.join("\n") + "\n"
}

fn write(path: &str, text: &str) -> Result<(), String> {
    let path = workspace::root().join(path);
    let fault = |error: std::io::Error| format!("{} cannot be written: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fault)?;
    }
    std::fs::write(&path, text).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::{check_name, fill, with_module, with_row};

    #[test]
    fn a_name_is_one_lower_case_word() {
        for good in ["greeting", "web3", "a"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "Greeting", "my-noun", "my_noun", "3d", "../x", "a".repeat(25).as_str()] {
            assert!(check_name(bad).is_err_and(|error| error.contains("is no name")), "{bad}");
        }
        assert!(check_name("main").is_err_and(|error| error.contains("is reserved")));
    }

    #[test]
    fn tests_and_readme_get_a_line_in_its_place() {
        let with = |text, noun| with_module(text, noun).unwrap_or_default();
        assert_eq!(with("//! x\n\nmod a;\nmod c;\n", "b"), "//! x\n\nmod a;\nmod b;\nmod c;\n");
        assert_eq!(with("mod a;\n\nfn x() {}\n", "b"), "mod a;\nmod b;\n\nfn x() {}\n");
        assert_eq!(with_module("fn x() {}\n", "b"), None);
        let table = "| route | who | what |\n|---|---|---|\n| `GET /a` | user | a |\n";
        let row = "| `GET /v1/b` | user | the user's id |\n";
        assert_eq!(with_row(&format!("{table}\nz\n"), "b"), Some(format!("{table}{row}\nz\n")));
    }

    #[test]
    fn the_noun_is_filled_in() {
        assert_eq!(fill("{noun} {Noun} {NOUN} { x }", "quiz"), "quiz Quiz QUIZ { x }");
    }
}
