//! The contract fuzzer: does the API conform to `docs/openapi.json`?
//!
//! Schemathesis generates requests from the reference and sends them to a development server, as an
//! administrator with valid init data. It fails if a request that the reference permits is refused as
//! malformed, if a response is undocumented, or if the API fails. The run is bounded and seeded, so that it
//! is reproducible.

use std::{path::Path, time::Duration};

use crate::{
    deploy_test::service::{Service, free_port},
    process,
    python::Environment,
    report::Verdict,
    verify::built_program,
    workspace::{self, command},
};

const SEED: &str = "20261124";
/// Requests for each operation and phase.
const EXAMPLES: &str = "40";
const LIMIT: Duration = Duration::from_secs(300);

/// Limits that the fuzzer does not reach.
const LIMITS: &str = "api=6000,admin=500000,login=500000,login-address=500000,refresh=500000,\
                      verify=500000";

/// `cargo xtask contract`: builds the development server and fuzzes it.
pub(crate) fn run() -> Result<bool, String> {
    let finished = process::run(&mut workspace::cargo(
        "build --package minigate-local --message-format json-render-diagnostics",
    ))?;
    let programs: std::collections::HashMap<_, _> =
        finished.out().filter_map(built_program).collect();
    let program = programs.get("minigate-local").filter(|_| finished.is_success);
    let verdict = verify(program.ok_or("the development server cannot be built")?)?;
    verdict.details.lines().for_each(|line| println!("{line}"));
    println!("{} {}", verdict.outcome, verdict.note);
    Ok(verdict.outcome == crate::report::Outcome::Passed)
}

/// A step of `verify`, with the development server that the build step has built.
pub(crate) fn verify(program: &Path) -> Result<Verdict, String> {
    let schemathesis = Environment::ready("schemathesis")?;
    let directory = workspace::target_directory()?.join("contract");
    std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    let port = free_port()?;
    let mut server = Service::start(
        "contract-server",
        command(program)
            .env("PORT", port.to_string())
            .env("MINIGATE_LIMITS", LIMITS)
            .env("MINIGATE_ADDRESS_LIMIT_PER_MINUTE", "1000000"),
        &directory,
    )?;
    server.listens_on(port)?;
    let said = process::run(command(program).arg("init-data"))?;
    let init_data =
        said.out().last().ok_or("the development server makes no init data")?.to_owned();
    let mut fuzzer = command(schemathesis.program("schemathesis"));
    fuzzer
        .args([
            "--config-file",
            "infrastructure/contract/schemathesis.toml",
            "run",
            "docs/openapi.json",
        ])
        .args(["--url", &format!("http://127.0.0.1:{port}"), "--mode", "all", "--no-color"])
        .args(["--seed", SEED, "--max-examples", EXAMPLES, "--generation-deterministic"])
        .args(["--header", &format!("Authorization: tma {init_data}")])
        .env("SCHEMATHESIS_HOOKS", "infrastructure.contract.hooks")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", workspace::root());
    let finished = process::run_within(&mut fuzzer, LIMIT)?;
    server.stop()?;
    let lines: Vec<&str> = finished.all().collect();
    std::fs::write(directory.join("schemathesis.txt"), lines.join("\n"))
        .map_err(|error| error.to_string())?;
    if finished.is_success {
        return Ok(Verdict::passed());
    }
    Err(format!("the API does not keep to docs/openapi.json\n{}", lines.join("\n")))
}
