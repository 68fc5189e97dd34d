//! `cargo xtask deploy-test`: the real template with the real binaries, deployed by `sam deploy` to
//! an emulator of AWS that enforces permissions, and then used.
//!
//! It uses free loopback ports, bounds every wait, and stops the emulator with all its functions. The tests
//! after the deployment are independent parts: a failure does not stop the next one.
//!
//! With `--endpoint` it deploys a separate stack to a running emulator, and removes it in the end. Parts that
//! the emulator does not support are skipped, with a message.

mod authorizer;
mod elsewhere;
mod emulator;
mod functions;
pub(crate) mod service;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

pub(crate) use self::{
    elsewhere::Endpoint,
    functions::{Build, of_all_functions},
};
use self::{
    elsewhere::Lacks,
    emulator::Emulator,
    service::{Service, free_port},
};
use crate::{
    node,
    process::{self, Finished},
    python::Environment,
    report::{Tally, Verdict},
    tests_run,
    verify::Context,
    workspace,
};

/// What the last run of all mutants found.
const MUTANTS: &str = "docs/iam-mutants.md";
const STACK: &str = "minigate-local";
/// A bot that does not exist.
const TOKEN: &str = "1000000000:DEPLOYMENT-TEST-TOKEN-OF-NO-REAL-BOT";
const NEXT_TOKEN: &str = "1000000000:NEXT-DEPLOYMENT-TEST-TOKEN-OF-NO-REAL-BOT";
/// The secret of another bot that does not exist. Its name is as the roles permit it.
const OTHER_BOT: &str = "minigate-local/other-bot";
const OTHER_TOKEN: &str = "2000000000:OTHER-DEPLOYMENT-TEST-TOKEN-OF-NO-REAL-BOT";
/// Time for a build from nothing on a slow machine, and for tests with their build.
const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
/// Time for any other step.
const STEP_LIMIT: Duration = Duration::from_secs(5 * 60);
/// Time for all mutants of all roles.
const MUTANTS_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Limits that the tests, which all come from one address, do not reach.
const WIDE: &str = "LoginsPerSecond=5000 LoginBurst=5000";
/// Limits that a user at a time does not reach, and sixteen do.
const NARROW: &str = "LoginsPerSecond=20 LoginBurst=20 MachineRequestsPerDay=200";

/// `cargo xtask deploy-test`; whether everything is as it should be.
pub(crate) fn run(build: Build<'_>, endpoint: Option<Endpoint>) -> Result<bool, String> {
    let parts = every_part(build, endpoint)?;
    for failure in &parts.failures {
        println!("\n{failure}");
    }
    let Tally { passed, failed, .. } = parts.tally;
    println!("\n{passed} passed, {failed} failed");
    Ok(failed == 0)
}

/// `cargo xtask iam-mutants`: shows that every statement of the functions' roles is needed, and
/// writes what it is needed for to docs/iam-mutants.md.
pub(crate) fn iam_mutants() -> Result<bool, String> {
    mutants(Build::Development, &workspace::root().join(MUTANTS))?;
    Ok(true)
}

/// A step of `verify`: the same, and docs/iam-mutants.md names the same mutants.
pub(crate) fn verify_mutants(context: &Context) -> Result<Verdict, String> {
    let programs = context.programs()?;
    context.with_python(|| {
        let report = workspace::target_directory()?.join("deploy-test/iam-mutants.md");
        let said = mutants(Build::Given(programs), &report)?;
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let (committed, found) = (read(&workspace::root().join(MUTANTS))?, read(&report)?);
        if names_of_mutants(&committed) != names_of_mutants(&found) {
            return Err(format!("{MUTANTS} is out of date; run `cargo xtask iam-mutants`"));
        }
        Ok(Verdict::passed().with_note(said))
    })
}

/// Takes every permission away, writes the report, and says how many there were.
fn mutants(build: Build<'_>, report: &Path) -> Result<String, String> {
    let mut parts = Parts::new();
    let test = Test::start(build, None, &mut parts)?;
    let parameters = format!("{WIDE} MoreBotSecrets={OTHER_BOT}");
    test.deploy_first(&parameters, &mut parts)?;
    test.stack("create-bot", &[OTHER_BOT, OTHER_TOKEN])?;
    let deploy = test.deploy(&format!("{parameters} InitDataOneTimeUse=true"));
    let program = deploy.get_program().to_string_lossy().into_owned();
    let arguments = deploy.get_args().map(|argument| argument.to_string_lossy().into_owned());
    let script = workspace::root().join("infrastructure/emulator/iam_mutants.py");
    let mut command = test.aws.client(test.emulator.program("python"), &test.directory);
    command.arg(script).args([STACK, TOKEN, OTHER_TOKEN]).arg(report).arg(program).args(arguments);
    let said = succeed(&mut command, MUTANTS_LIMIT)?.out().last().unwrap_or_default().to_owned();
    parts.add("mutants", Ok(said.clone()));
    test.aws.stop()?;
    Ok(said)
}

/// The first three cells of the rows: role, statement and what was taken. What fails for want of it
/// is not the same in every run.
fn names_of_mutants(report: &str) -> Vec<Vec<&str>> {
    let rows = report.lines().filter(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').skip(1).take(3).map(str::trim).collect()).collect()
}

/// A step of `verify`: the functions that the build step has built, deployed.
pub(crate) fn verify(context: &Context) -> Result<Verdict, String> {
    let programs = context.programs()?;
    context.with_python(|| Ok(verdict(&every_part(Build::Given(programs), None)?)))
}

/// A step of `verify`: the functions built as for a release, each with the features of its own, which
/// the build step has not compiled, serve a user; and so do those of `cargo lambda watch`.
pub(crate) fn verify_features(context: &Context) -> Result<Verdict, String> {
    context.with_python(|| {
        let mut parts = Parts::new();
        let test = Test::start(Build::Development, None, &mut parts)?;
        test.deploy_first(WIDE, &mut parts)?;
        parts.add("one user's way", test.stack("smoke", &[TOKEN]));
        parts.add("cargo lambda watch", test.watch());
        parts.add("the emulator ends", test.aws.stop().map(|()| String::new()));
        Ok(verdict(&parts))
    })
}

/// Each part counts, and so does each of the black-box tests.
fn verdict(parts: &Parts) -> Verdict {
    let verdict = match parts.failures.as_slice() {
        [] => Verdict::passed().with_note(format!("{} parts", parts.passed)),
        [only] => Verdict::failed(only),
        several => {
            Verdict::failed(&format!("{} parts failed\n{}", several.len(), several.join("\n")))
        }
    };
    Verdict { tests: Some(parts.tally), ..verdict }
}

fn every_part(build: Build<'_>, endpoint: Option<Endpoint>) -> Result<Parts, String> {
    let mut parts = Parts::new();
    let test = Test::start(build, endpoint, &mut parts)?;
    let base_url = test.deploy_first(WIDE, &mut parts)?;

    parts.add("one user's way", test.stack("smoke", &[TOKEN]));
    // What .github/workflows/deploy.yml asks of a deployment.
    let smoke = test.python("infrastructure/smoke.py", &[&base_url]);
    parts.add("the delivery's smoke test", smoke.map(|_| String::new()));
    match test.stack("api-key", &[]) {
        Ok(api_key) => test.black_box(&base_url, &api_key, &mut parts),
        Err(error) => parts.add("the API key", Err(error)),
    }
    if Test::has_node() {
        parts.add("a Node function behind the authorizer", test.node_behind_authorizer());
    } else {
        println!("                without a Node function behind the authorizer: there is no Node");
    }
    parts.add("rotation of the bot's token", test.stack("rotate", &[TOKEN, NEXT_TOKEN]));
    parts.add("a malformed secret", test.bad_input("malformed-secret", &[TOKEN]));
    parts.add("parameters out of range", test.bad_input("parameters", &[]));
    test.add_if_able("permissions are enforced", "permission", &[TOKEN], &mut parts);
    test.add_if_able("an alarm", "alarm", &[], &mut parts);
    test.add_if_able("the canaries' hook", "hook", &[], &mut parts);
    test.add_if_able("releases to go back to", "releases", &[], &mut parts);
    // It compiles, which `verify` leaves to `--full`.
    if !matches!(build, Build::Given(_)) {
        parts.add("cargo lambda watch", test.watch());
    }
    parts.add("sam deploy again", test.deploy_again());
    parts.add("sam deploy of other parameters", test.upgrade());
    parts.add("sam deploy of another tag", test.retag());
    test.add_if_able("throttling", "throttled", &[TOKEN], &mut parts);
    test.add_if_able("a machine client", "machine", &[TOKEN], &mut parts);
    if test.lacks.is_some() {
        parts.add("the stack is removed", test.stack("remove", &[]));
    }
    parts.add("the emulator ends", test.aws.stop().map(|()| String::new()));
    Ok(parts)
}

/// What has been shown so far.
struct Parts {
    started: Instant,
    passed: u64,
    tally: Tally,
    failures: Vec<String>,
}

impl Parts {
    fn new() -> Self {
        let (started, tally) = (Instant::now(), Tally::default());
        Self { started, passed: 0, tally, failures: Vec::new() }
    }

    /// Says what came of a part, with a remark or the reason, and how long it all took so far.
    fn add(&mut self, what: &str, outcome: Result<String, String>) {
        let (said, remark) = match &outcome {
            Ok(remark) => ("", remark.as_str()),
            Err(reason) => ("FAILED ", reason.lines().next().unwrap_or_default()),
        };
        let colon = if remark.is_empty() { "" } else { ": " };
        let seconds = self.started.elapsed().as_secs_f64();
        println!("      {seconds:>6.1} s  {said}{what}{colon}{remark}");
        match outcome {
            Ok(_) => (self.passed, self.tally.passed) = (self.passed + 1, self.tally.passed + 1),
            Err(reason) => {
                self.tally.failed += 1;
                self.failures.push(format!("{what}: {reason}"));
            }
        }
    }

    /// The same for a part that everything after it needs.
    fn need(&mut self, what: &str, outcome: Result<String, String>) -> Result<(), String> {
        if let Err(reason) = &outcome {
            return Err(format!("{what}: {reason}"));
        }
        self.add(what, outcome);
        Ok(())
    }
}

/// Runs the command; what it said is the error if it fails.
fn succeed(command: &mut Command, limit: Duration) -> Result<Finished, String> {
    let finished = process::run_within(command, limit)?;
    if finished.is_success {
        return Ok(finished);
    }
    let lines: Vec<&str> = finished.all().filter(|line| !line.trim().is_empty()).collect();
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let (program, last) = (program.to_string_lossy(), lines.last().unwrap_or(&"no word"));
    let tail = lines[lines.len().saturating_sub(60)..].join("\n");
    Err(format!("{program} failed: {last}\n{tail}"))
}

struct Test {
    sam: Environment,
    emulator: Environment,
    directory: PathBuf,
    aws: Emulator,
    stack: String,
    /// What an emulator of somebody else may be unable to do; the test's own can do all of it.
    lacks: Option<Lacks>,
}

impl Test {
    /// Builds, starts the emulator unless there is one.
    fn start(
        build: Build<'_>,
        endpoint: Option<Endpoint>,
        parts: &mut Parts,
    ) -> Result<Self, String> {
        let sam = Environment::ready("sam")?;
        let emulator = Environment::ready("emulator")?;
        let directory = workspace::target_directory()?.join("deploy-test");
        let prepared = functions::prepare(build, &emulator, &directory);
        parts.need("binaries", prepared.map(|()| build.to_string()))?;
        let (aws, stack, lacks) = match &endpoint {
            None => (Emulator::start(&emulator, &directory)?, STACK.to_owned(), None),
            Some(endpoint) => (endpoint.emulator()?, Endpoint::stack(), Some(Lacks)),
        };
        parts.need("the emulator runs", Ok(aws.endpoint_url.clone()))?;
        let test = Self { sam, emulator, directory, aws, stack, lacks };
        parts.need("what the account needs once", test.stack("bootstrap", &[]))?;
        Ok(test)
    }

    /// The first deployment, up to where it can be used; where the API is.
    fn deploy_first(&self, parameters: &str, parts: &mut Parts) -> Result<String, String> {
        let deployed = succeed(&mut self.deploy(parameters), STEP_LIMIT);
        parts.need("sam deploy", deployed.map(|_| String::new()))?;
        let base_url = self.stack("complete-api", &[])?;
        parts.add("before there is a token", self.bad_input("without-token", &[]));
        let put = self.stack("put-bot", &[TOKEN]);
        parts.need("the bot's token", put)?;
        parts.need("limits for tests", self.stack("widen-limits", &[TOKEN]))?;
        Ok(base_url)
    }

    /// `sam deploy` of the environment `local`, with these parameters on top.
    fn deploy(&self, parameters: &str) -> Command {
        let mut command = self.aws.client(self.sam.program("sam"), &self.directory);
        command.args(["deploy", "--config-env", "local", "--stack-name", &self.stack]);
        command.arg("--parameter-overrides");
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        };
        command.arg(format!("Architecture={architecture}"));
        command.args([
            "Environment=local",
            "Admin=42",
            "AddressLimitPerMinute=1000000",
            "RequestsPerSecond=5000",
            "RequestBurst=5000",
            // The emulator's events do not say where the API is.
            "PublicUrl=https://api.minigate.example",
        ]);
        command.args(parameters.split_whitespace());
        command
    }

    /// A command of `infrastructure/emulator/stack.py`; the last line that it says.
    fn stack(&self, what: &str, arguments: &[&str]) -> Result<String, String> {
        Ok(self.stack_lines(what, arguments)?.pop().unwrap_or_default())
    }

    /// The same, with all lines.
    fn stack_lines(&self, what: &str, arguments: &[&str]) -> Result<Vec<String>, String> {
        let arguments = [&[what, self.stack.as_str()], arguments].concat();
        self.python("infrastructure/emulator/stack.py", &arguments)
    }

    /// A command of `infrastructure/emulator/bad_input.py`; the last line that it says.
    fn bad_input(&self, what: &str, arguments: &[&str]) -> Result<String, String> {
        let arguments = [&[what, self.stack.as_str()], arguments].concat();
        let mut lines = self.python("infrastructure/emulator/bad_input.py", &arguments)?;
        Ok(lines.pop().unwrap_or_default())
    }

    /// The lines that a script says.
    fn python(&self, script: &str, arguments: &[&str]) -> Result<Vec<String>, String> {
        let mut command = self.aws.client(self.emulator.program("python"), &self.directory);
        command.arg(workspace::root().join(script)).args(arguments);
        let finished = succeed(&mut command, STEP_LIMIT)?;
        Ok(finished.out().map(str::to_owned).collect())
    }

    /// The black-box tests against the deployed API: one test each.
    fn black_box(&self, base_url: &str, api_key: &str, parts: &mut Parts) {
        // The features of the whole workspace, so that `verify` has built them already.
        let mut cargo =
            workspace::cargo("test --quiet --workspace --all-features --test black_box --");
        for (test, reason) in NOT_PASSED {
            println!("                without {test}: {reason}");
            cargo.args(["--skip", test]);
        }
        cargo.args(["--skip", LOCAL_ONLY]);
        if !node::is_installed() {
            println!("                without {}: there is no Node.js", tests_run::OF_NODE);
            cargo.args(["--skip", tests_run::OF_NODE]);
        }
        cargo
            .env("MINIGATE_BASE_URL", base_url)
            .env("MINIGATE_BOT_TOKEN", TOKEN)
            .env("MINIGATE_API_KEY", api_key)
            .env("MINIGATE_ADMIN_USER_ID", "42")
            .env("RUST_BACKTRACE", "0");
        const WHAT: &str = "black-box tests";
        let finished = match process::run_within(&mut cargo, BUILD_LIMIT) {
            Ok(finished) => finished,
            Err(error) => return parts.add(WHAT, Err(error)),
        };
        let tests = tests_run::count(finished.out());
        let outcome = match (finished.is_success, tests.passed) {
            (true, 0) => Err("no test was run".to_owned()),
            (true, passed) => {
                let left_out = tests_run::filtered_out(finished.out());
                let local_only = left_out.saturating_sub(NOT_PASSED.len() as u64);
                Ok(format!("{passed} passed; {local_only} that are local only were not run"))
            }
            (false, _) => {
                Err(format!("{} failed\n{}", tests.failed, tests_run::failures(finished.out())))
            }
        };
        parts.add(WHAT, outcome);
        parts.tally.passed += tests.passed;
        parts.tally.failed += tests.failed;
    }

    fn deploy_again(&self) -> Result<String, String> {
        let again = succeed(&mut self.deploy(WIDE), STEP_LIMIT)?;
        if again.all().any(|line| line.contains("No changes to deploy")) {
            Ok("nothing changes".to_owned())
        } else {
            Err("the second sam deploy of the same changed something".to_owned())
        }
    }

    fn upgrade(&self) -> Result<String, String> {
        let deploy = self.deploy(&format!("{NARROW} LogLevel=warn"));
        let program = deploy.get_program().to_string_lossy().into_owned();
        let arguments = deploy.get_args().map(|argument| argument.to_string_lossy().into_owned());
        let all: Vec<String> = [TOKEN.to_owned(), program].into_iter().chain(arguments).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let logins = self.stack("upgrade", &all)?;
        Ok(format!("{logins}; {}", self.stack("reached", &["warn"])?))
    }

    /// Tags belong to a function and not to its versions, so none of them is published: Lambda would
    /// refuse to, and the deployment would fail.
    fn retag(&self) -> Result<String, String> {
        let before = self.stack_lines("versions", &[])?;
        let template = self.directory.join("template.yaml");
        let text = fs::read_to_string(&template).map_err(|error| error.to_string())?;
        let tag = "      Environment: !Ref Environment\n";
        if !text.contains(tag) {
            return Err("the functions have no tag `Environment`".to_owned());
        }
        let tagged = text.replacen(tag, &format!("{tag}      Team: of-the-test\n"), 1);
        fs::write(&template, tagged).map_err(|error| error.to_string())?;
        let parameters = format!("{NARROW} LogLevel=warn");
        let deployed = succeed(&mut self.deploy(&parameters), STEP_LIMIT)?;
        if deployed.all().any(|line| line.contains("No changes to deploy")) {
            return Err("the tag changed nothing".to_owned());
        }
        let after = self.stack_lines("versions", &[])?;
        if before != after {
            return Err(format!("a tag published versions: {before:?}, {after:?}"));
        }
        Ok("no version is published".to_owned())
    }

    /// `cargo lambda watch` serves one function with the environment of the deployed one, which is
    /// called once.
    fn watch(&self) -> Result<String, String> {
        let variables = self.stack_lines("environment", &["Keys"])?;
        let file = self.directory.join("watch.env");
        fs::write(&file, variables.join("\n")).map_err(|error| error.to_string())?;
        let port = free_port()?;
        let mut cargo = self.aws.client("cargo".into(), workspace::root());
        cargo
            .args(["lambda", "watch", "--ignore-changes", "--package", "keys", "--bin", "keys"])
            .args(["--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()])
            .arg("--env-file")
            .arg(file)
            .env("PATH", functions::path_with(&self.emulator)?);
        let mut service = Service::start("watch", &mut cargo, &self.directory)?;
        service.listens_on(port)?;
        let said = self.stack("same-keys", &[&format!("http://127.0.0.1:{port}")])?;
        service.stop()?;
        Ok(said)
    }
}

/// In the names of the tests that no deployment can be asked.
const LOCAL_ONLY: &str = "local_only::";

/// Tests that are not passed behind API Gateway or behind the emulator, and why.
const NOT_PASSED: &[(&str, &str)] = &[
    (
        "credentials::the_form_of_the_header",
        "the emulator hands on one header of two with the same name",
    ),
    (
        "sessions::refusals::the_place_of_the_init_data",
        "the emulator hands on one header of two with the same name",
    ),
    (
        "http::bodies::what_is_not_json",
        "the emulator puts other characters for bytes that are not UTF-8",
    ),
    (
        "sessions::list::each_session_is_shown_with_whence_and_when",
        "the emulator takes the address from X-Forwarded-For, which API Gateway does not",
    ),
    (
        "sessions::revoke::ids_that_are_none",
        "the emulator takes `/v1/sessions/%20` for `/v1/sessions/`",
    ),
    ("leaderboards::bad_input::names_that_no_board_has", "the emulator cuts a path off at `%23`"),
];
