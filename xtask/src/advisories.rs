//! Known vulnerabilities, from the RustSec database on GitHub, if it is reachable.

use crate::{
    process,
    report::Verdict,
    verify::{Context, tail},
    workspace::cargo,
};

/// What cargo-audit says when it cannot download the database.
const NO_DATABASE: &str = "couldn't fetch advisory database";

/// A step of `verify`: skipped where cargo-audit is not installed or GitHub is out of reach.
pub(crate) fn verify(context: &Context) -> Result<Verdict, String> {
    if !process::run(&mut cargo("audit --version"))?.is_success {
        return Ok(Verdict::skipped(
            "cargo-audit is not installed (cargo install --locked cargo-audit)",
        ));
    }
    let finished = process::run(&mut cargo("audit --deny unsound --deny yanked"))?;
    let log = context.keep_log("advisories", &finished);
    if finished.is_success {
        return Ok(Verdict::passed());
    }
    if finished.errors().any(|line| line.contains(NO_DATABASE)) {
        return Ok(Verdict::skipped("the RustSec database on github.com is out of reach"));
    }
    Err(format!("cargo audit found something\n{}\n({log})", tail(finished.all())))
}
