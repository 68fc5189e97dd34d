//! The libraries that are published to crates.io: finds what crates.io would refuse, without network access.

use serde_json::Value;

use crate::{
    process,
    report::Verdict,
    verify::{Context, tail},
    workspace::{cargo, metadata, packages, text},
};

/// Limits of crates.io.
const MAX_KEYWORDS: usize = 5;
const MAX_KEYWORD_CHARS: usize = 20;
/// What every published crate contains besides its sources.
const FILES: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// A step of `verify`: the manifests are complete, and the packages can be made from them.
pub(crate) fn verify(context: &Context) -> Result<Verdict, String> {
    let metadata = metadata("--no-deps --offline")?;
    let published: Vec<&Value> = packages(&metadata).iter().filter(|it| is_published(it)).collect();
    let mut faults: Vec<String> = published.iter().flat_map(|package| faults_of(package)).collect();
    for package in &published {
        let listed = package_command(package, "--list");
        let finished = process::run(&mut cargo(&listed))?;
        if !finished.is_success {
            return Err(format!("`cargo {listed}` failed\n{}", tail(finished.errors())));
        }
        let missing = FILES.iter().filter(|file| !finished.out().any(|line| line == **file));
        faults.extend(missing.map(|file| format!("{}: no {file}", text(package, "name"))));
    }
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    make(context, &published, "--no-verify --offline")
}

/// A step of `verify --full`: the packages compile by themselves, without this workspace.
pub(crate) fn verify_builds(context: &Context) -> Result<Verdict, String> {
    let metadata = metadata("--no-deps --offline")?;
    let published: Vec<&Value> = packages(&metadata).iter().filter(|it| is_published(it)).collect();
    make(context, &published, "")
}

fn make(context: &Context, published: &[&Value], options: &str) -> Result<Verdict, String> {
    let names: Vec<&str> = published.iter().map(|package| text(package, "name")).collect();
    for package in published {
        let finished = process::run(&mut cargo(&package_command(package, options)))?;
        let log = context.keep_log("packages", &finished);
        if !finished.is_success {
            let name = text(package, "name");
            return Err(format!("{name} cannot be packaged\n{}\n({log})", tail(finished.errors())));
        }
    }
    Ok(Verdict::passed().with_note(names.join(", ")))
}

/// Dirty, because `verify` runs before a commit.
fn package_command(package: &Value, options: &str) -> String {
    format!("package --allow-dirty --package {} {options}", text(package, "name"))
}

/// Whether the manifest permits crates.io: `publish` is absent or `true`.
fn is_published(package: &Value) -> bool {
    package["publish"].is_null()
}

/// What crates.io requires or refuses, and what its page would lack.
fn faults_of(package: &Value) -> Vec<String> {
    let name = text(package, "name");
    let mut faults = Vec::new();
    for field in ["description", "documentation", "license", "readme", "repository", "rust_version"]
    {
        if text(package, field).is_empty() {
            faults.push(format!("{name}: the manifest has no {field}"));
        }
    }
    if package["categories"].as_array().is_none_or(Vec::is_empty) {
        faults.push(format!("{name}: the manifest has no categories"));
    }
    let keywords = package["keywords"].as_array().map_or(&[][..], Vec::as_slice);
    if !(1..=MAX_KEYWORDS).contains(&keywords.len()) {
        faults.push(format!("{name}: crates.io takes 1 to {MAX_KEYWORDS} keywords"));
    }
    for keyword in keywords.iter().filter_map(Value::as_str) {
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+".contains(&byte);
        if keyword.len() > MAX_KEYWORD_CHARS || !keyword.bytes().all(is_valid) {
            faults.push(format!("{name}: crates.io refuses the keyword `{keyword}`"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_crates_io_would_refuse_is_a_fault() {
        let mut package = json!({
            "name": "a", "description": "d", "documentation": "d", "license": "MIT",
            "readme": "README.md", "repository": "r", "rust_version": "1.95",
            "categories": ["caching"], "keywords": ["cache"], "publish": null,
        });
        assert_eq!(faults_of(&package), Vec::<String>::new());
        assert!(is_published(&package));
        package["publish"] = json!([]);
        assert!(!is_published(&package));
        package["readme"] = json!(null);
        package["keywords"] = json!(["stale-while-revalidate"]);
        assert_eq!(
            faults_of(&package),
            [
                "a: the manifest has no readme",
                "a: crates.io refuses the keyword `stale-while-revalidate`"
            ]
        );
        package["readme"] = json!("README.md");
        package["keywords"] = json!([]);
        package["categories"] = json!([]);
        assert_eq!(
            faults_of(&package),
            ["a: the manifest has no categories", "a: crates.io takes 1 to 5 keywords"]
        );
    }
}
