//! The chores of minigate, as `cargo xtask <command>`; each command is a module.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command-line program")]

mod advisories;
#[cfg(test)]
mod architecture;
mod audit;
mod bench;
mod deploy_test;
mod licence;
mod linters;
mod node;
mod openapi;
mod process;
mod python;
mod report;
mod tests_run;
mod vectors;
mod verify;
mod workspace;

use std::process::ExitCode;

use deploy_test::{Build, Endpoint};

const USAGE: &str = "\
cargo xtask <COMMAND>

Commands:
  verify [--no-skips]      run everything that CI runs; `cargo verify` is short for it
                             --no-skips   a skipped step is a failure, for CI that has it all
  openapi                  write the API reference to docs/openapi.json
  lint                     run the linters over the templates and the workflows
  deploy-test [OPTION]..   deploy template.yaml to an emulator of AWS and use it
                             --release       with the binaries of a release, which take minutes
                             --endpoint URL  to an emulator on this machine that runs already,
                                             such as LocalStack on http://127.0.0.1:4566
  iam-mutants              show that each permission is needed, and write docs/iam-mutants.md
  bench                    run every benchmark, which are:
  bench functions [ARG]..  start the released functions as Lambda does, time and weigh them;
                             `-h` lists the arguments
  bench init-data [ARG]..  run the benchmarks of the init-data crate; arguments go to cargo bench
  bench limiter [ARG]..    those of the limiter, beside rate-limiter-flexible where Node.js is
                             installed and `npm ci` was run in tests/peers
  bench cache [ARG]..      those of the cache, beside moka and @epic-web/cachified, likewise

`verify` ends with a table and a line `N passed, N failed[, N skipped]`, where each test counts
once and so does each other step. The output of each step is kept in target/verify/.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["verify"] => verify::run(verify::Skips::Allowed),
        ["verify", "--no-skips"] => verify::run(verify::Skips::Fail),
        ["openapi"] => openapi::write(),
        ["lint"] => linters::run(),
        ["deploy-test", rest @ ..] => match deploy_test_options(rest) {
            Ok((build, endpoint)) => deploy_test::run(build, endpoint),
            Err(fault) => return misused(&fault),
        },
        ["iam-mutants"] => deploy_test::iam_mutants(),
        ["bench"] => bench::all(),
        ["bench", "functions", rest @ ..] => bench::functions(rest),
        ["bench", "init-data", rest @ ..] => bench::package("minigate-init-data", rest),
        ["bench", "limiter", rest @ ..] => bench::package("minigate-limiter", rest),
        ["bench", "cache", rest @ ..] => bench::package("minigate-cache", rest),
        ["help" | "-h" | "--help"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [] => return misused("a command is missing"),
        _ => return misused(&format!("cannot do `{}`", arguments.join(" "))),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn deploy_test_options(mut arguments: &[&str]) -> Result<(Build, Option<Endpoint>), String> {
    let (mut build, mut endpoint) = (Build::Development, None);
    while let [option, rest @ ..] = arguments {
        arguments = match (*option, rest) {
            ("--release", _) => {
                build = Build::Release;
                rest
            }
            ("--endpoint", [url, rest @ ..]) => {
                endpoint = Some(Endpoint::parse(url)?);
                rest
            }
            ("--endpoint", []) => return Err("--endpoint must be followed by a URL".to_owned()),
            (other, _) => return Err(format!("deploy-test does not take `{other}`")),
        };
    }
    Ok((build, endpoint))
}

fn misused(fault: &str) -> ExitCode {
    eprintln!("cargo xtask: {fault}\n\n{USAGE}");
    ExitCode::from(2)
}
