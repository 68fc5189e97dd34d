//! The committed API reference, docs/openapi.json, seen by programs of others.

use std::path::PathBuf;

use crate::{
    node, process,
    report::Verdict,
    workspace::{self, command},
};

/// The packages from npm that look at the reference, and what they need besides.
const PACKAGES: &str = "api-reference";
const CLIENT: [&str; 3] = ["client.ts", "tsconfig.json", "redocly.yaml"];

fn path() -> PathBuf {
    workspace::root().join("docs/openapi.json")
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
