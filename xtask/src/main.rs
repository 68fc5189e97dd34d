//! The chores of minigate, as `cargo xtask <command>`; each command is a module.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command-line program")]

mod advisories;
#[cfg(test)]
mod architecture;
mod audit;
mod bench;
mod contract;
mod deploy_test;
mod fuzz;
mod generate;
mod gift;
mod import_quizzes;
mod licence;
mod linters;
mod node;
mod openapi;
mod packages;
mod process;
mod python;
mod release;
mod report;
mod steps;
#[cfg(test)]
mod template;
mod tests_run;
mod vectors;
mod verify;
mod workspace;

use std::process::ExitCode;

use deploy_test::{Build, Endpoint};
use steps::{Depth, Step};
use verify::Skips;

const USAGE: &str = "\
cargo xtask <COMMAND>

Commands:
  verify                   run what must hold before a change goes in; `cargo verify` is short for it
                             --full       also what takes long: all that CI runs
                             --only STEP,STEP   run these steps, and those that they need
                             --no-skips   a skipped step is a failure, for CI that has it all
  generate                 write what follows from the code and the nouns' files: docs/openapi.json,
                             template.yaml and the lists of functions
  new-function NOUN        make a working function, in folders named after the noun
  import-quizzes FILE..    send quizzes from files (JSON, GIFT, Aiken, Moodle XML) to a deployment;
                           docs/import.md
                             --dry-run       send nothing, only report
                             --publish       publish them too, instead of leaving drafts
                             --report json   the report as JSON, with every question and answer
                             --endpoint URL  the deployment; without it that of `cargo dev`
                             --language TAG  of files that name none; `en` without it
                             --topic TOPIC   what such quizzes are listed under; may be repeated
  lint                     run the linters over the templates, the workflows and the API reference
  contract                 fuzz a development server with requests made from docs/openapi.json
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

`verify` ends with a table of what each step took and what it may take on two quiet cores, and a line
`N passed, N failed[, N skipped]`, where each test counts once and so does each other step. The output
of each step is kept in target/verify/.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["verify", options @ ..] => match verify_options(options) {
            Ok((steps, skips)) => verify::run(&steps, skips),
            Err(fault) => return misused(&fault),
        },
        ["generate"] => generate::write(),
        ["new-function", noun] => generate::new_function::run(noun),
        ["import-quizzes", rest @ ..] => match import_quizzes::Arguments::read(rest) {
            Ok(arguments) => import_quizzes::run(&arguments),
            Err(fault) => return misused(&fault),
        },
        ["lint"] => linters::run(),
        ["contract"] => contract::run(),
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

/// Which steps of `verify` are run, and what it means that one is skipped.
fn verify_options(options: &[&str]) -> Result<(Vec<&'static Step>, Skips), String> {
    let (mut steps, mut skips) = (None, Skips::Allowed);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let chosen = match *option {
            "--no-skips" => {
                skips = Skips::Fail;
                continue;
            }
            "--full" => steps::of_depth(Depth::Full),
            "--only" => steps::only(options.next().ok_or("--only needs the names of steps")?)?,
            other => return Err(format!("verify has no option `{other}`")),
        };
        if steps.replace(chosen).is_some() {
            return Err("--full and --only exclude each other, and are given once".to_owned());
        }
    }
    Ok((steps.unwrap_or_else(|| steps::of_depth(Depth::Quick)), skips))
}

fn deploy_test_options(
    mut arguments: &[&str],
) -> Result<(Build<'static>, Option<Endpoint>), String> {
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

#[cfg(test)]
mod tests {
    use super::{Skips, verify_options};

    #[test]
    fn the_options_of_verify() {
        let count = |options: &[&str]| verify_options(options).map(|(steps, _)| steps.len());
        assert!(count(&[]).unwrap() < count(&["--full"]).unwrap());
        assert_eq!(count(&["--only", "clippy,format"]), Ok(2));
        assert!(
            verify_options(&["--full", "--no-skips"]).is_ok_and(|(_, skips)| skips == Skips::Fail)
        );
        for wrong in [&["--only"][..], &["--only", "all"], &["--full", "--only", "clippy"], &["-x"]]
        {
            assert!(count(wrong).is_err(), "{wrong:?}");
        }
    }
}
