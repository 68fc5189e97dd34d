//! Checks of the dependencies that need no database: licences, sources and banned crates.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    licence,
    report::Verdict,
    workspace::{self, text},
};

/// The only place that code may come from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Crates that must not come in, not even through another one, and why.
const BANNED: [(&str, &str); 4] = [
    ("aws-lc-rs", "TLS comes from ring; see docs/architecture.md"),
    ("aws-lc-sys", "TLS comes from ring; see docs/architecture.md"),
    ("native-tls", "TLS comes from rustls and ring; see docs/architecture.md"),
    ("openssl-sys", "TLS comes from rustls and ring; see docs/architecture.md"),
];

/// A step of `verify`.
pub(crate) fn verify() -> Result<Verdict, String> {
    let metadata = workspace::metadata("--all-features --locked")?;
    let packages = workspace::packages(&metadata);
    let faults: Vec<String> = packages.iter().flat_map(faults).collect();
    if !faults.is_empty() {
        return Err(format!("{} faults\n{}", faults.len(), faults.join("\n")));
    }
    let count = packages.iter().filter(|package| !package["source"].is_null()).count();
    let several = in_several_versions(packages);
    Ok(Verdict::passed()
        .with_note(format!("{count} crates, {several} in several versions (cargo tree -d)")))
}

/// What is wrong with one package. Those without a source are on this disk.
fn faults(package: &Value) -> Vec<String> {
    let (name, version) = (text(package, "name"), text(package, "version"));
    let mut faults = Vec::new();
    let licence = text(package, "license");
    if !licence::is_accepted(licence) {
        let licence = if licence.is_empty() { "none that it names" } else { licence };
        faults.push(format!("{name} {version}: licence {licence}; see xtask/src/licence.rs"));
    }
    match package["source"].as_str() {
        Some(source) if source != CRATES_IO => {
            faults.push(format!("{name} {version}: comes from {source}, not from crates.io"));
        }
        Some(_) => {}
        None => {
            let root = workspace::root();
            if !std::path::Path::new(text(package, "manifest_path")).starts_with(root) {
                faults.push(format!("{name} {version}: is outside of {}", root.display()));
            }
        }
    }
    if let Some((_, reason)) = BANNED.iter().find(|(banned, _)| *banned == name) {
        faults.push(format!("{name} {version}: is banned: {reason}"));
    }
    faults
}

/// How many crates come in more than one version.
fn in_several_versions(packages: &[Value]) -> usize {
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for package in packages {
        *versions.entry(text(package, "name")).or_default() += 1;
    }
    versions.into_values().filter(|count| *count > 1).count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{CRATES_IO, faults, in_several_versions};
    use crate::workspace;

    #[test]
    fn licence_source_and_name_are_checked() {
        let outside = "/elsewhere/Cargo.toml";
        let inside = workspace::root().join("shared/x/Cargo.toml");
        let git = "git+https://example.com/x";
        for (name, licence, source, path, expected) in [
            ("x", json!("MIT"), json!(CRATES_IO), outside, vec![]),
            ("x", json!("MIT"), json!(null), inside.to_str().unwrap(), vec![]),
            (
                "x",
                json!("GPL-3.0-only"),
                json!(CRATES_IO),
                outside,
                vec!["x 1.0.0: licence GPL-3.0-only; see xtask/src/licence.rs"],
            ),
            (
                "x",
                json!(null),
                json!(git),
                outside,
                vec![
                    "x 1.0.0: licence none that it names; see xtask/src/licence.rs",
                    "x 1.0.0: comes from git+https://example.com/x, not from crates.io",
                ],
            ),
            (
                "native-tls",
                json!("MIT"),
                json!(CRATES_IO),
                outside,
                vec![
                    "native-tls 1.0.0: is banned: TLS comes from rustls and ring; see \
                     docs/architecture.md",
                ],
            ),
        ] {
            let package = json!({"name": name, "version": "1.0.0", "license": licence,
                                 "source": source, "manifest_path": path});
            assert_eq!(faults(&package), expected);
        }
        let stray = json!({"name": "x", "version": "1.0.0", "license": "MIT", "source": null,
                           "manifest_path": outside});
        assert_eq!(faults(&stray).len(), 1);
    }

    #[test]
    fn a_crate_in_two_versions_counts_once() {
        let package = |name: &str, version: &str| json!({"name": name, "version": version});
        let packages = [package("b", "1.0.0"), package("a", "1.0.0"), package("b", "2.0.0")];
        assert_eq!(in_several_versions(&packages), 1);
    }
}
