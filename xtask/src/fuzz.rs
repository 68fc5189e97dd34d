//! A bounded run of the fuzz targets, on the stable compiler.
//!
//! What cargo-fuzz needs a nightly compiler for is the address sanitizer, which finds little in safe
//! code. The coverage that guides the fuzzer is made by options of the stable one.

use crate::{
    process,
    report::Verdict,
    verify::{Context, tail},
    workspace::{self, cargo, command},
};

/// What cargo-fuzz passes to the compiler, without a sanitizer.
const RUSTFLAGS: &str = "--cfg fuzzing -C debug-assertions -C codegen-units=1 \
    -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
    -C llvm-args=-sanitizer-coverage-pc-table -C llvm-args=-sanitizer-coverage-trace-compares";

/// The packages of fuzz targets with their targets.
const TARGETS: [(&str, &str); 1] = [("shared/init-data/fuzz", "verify")];

/// Always the same inputs, without a corpus of earlier runs: a failure is one of the change. What fails
/// is left in target/fuzz.
const BOUNDS: [&str; 3] = ["-seed=1", "-runs=1000000", "-max_total_time=60"];

/// A step of `verify`: skipped where there is no C++ compiler, which libFuzzer is compiled with.
pub(crate) fn verify(context: &Context) -> Result<Verdict, String> {
    if !process::run(command("c++").arg("--version")).is_ok_and(|finished| finished.is_success) {
        return Ok(Verdict::skipped("there is no C++ compiler, which libFuzzer needs"));
    }
    let host = host()?;
    let built = workspace::target_directory()?.join("fuzz");
    for (package, target) in TARGETS {
        std::fs::create_dir_all(&built)
            .map_err(|error| format!("{} cannot be made: {error}", built.display()))?;
        let mut run = cargo("run --release --locked");
        run.args(["--manifest-path", &format!("{package}/Cargo.toml"), "--bin", target])
            // With a target named, build scripts and macros are spared these flags.
            .args(["--target", &host, "--target-dir"])
            .arg(&built)
            .arg("--")
            .args(BOUNDS)
            .arg(format!("-artifact_prefix={}/", built.display()))
            .env("RUSTFLAGS", RUSTFLAGS);
        let finished = process::run(&mut run)?;
        let log = context.keep_log("fuzz", &finished);
        if !finished.is_success {
            let what = format!("the fuzz target {target} of {package} failed");
            return Err(format!("{what}\n{}\n({log})", tail(finished.all())));
        }
    }
    Ok(Verdict::passed())
}

/// What the compiler compiles for.
fn host() -> Result<String, String> {
    let finished = process::run(command("rustc").arg("-vV"))?;
    let host = finished.out().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".to_owned())
}
