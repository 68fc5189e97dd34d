//! `cargo xtask deploy-test`: the real template with the real binaries, deployed by `sam deploy` to
//! an emulator of AWS that enforces permissions, and then used.
//!
//! It needs python3 and the internet the first time. It listens on a free port of the loopback
//! address, waits for nothing without a limit, and ends the emulator with all its functions.

use std::{
    ffi::OsString,
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::{
    process::{self, Finished},
    python::Environment,
    workspace::{self, command},
};

const STACK: &str = "minigate-local";
/// A bot that does not exist.
const TOKEN: &str = "1000000000:DEPLOYMENT-TEST-TOKEN-OF-NO-REAL-BOT";
const NEXT_TOKEN: &str = "1000000000:NEXT-DEPLOYMENT-TEST-TOKEN-OF-NO-REAL-BOT";
/// Time for a build from nothing on a slow machine, and for tests with their build.
const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
/// Time for any other step.
const STEP_LIMIT: Duration = Duration::from_secs(5 * 60);
/// Time for the emulator to listen, and to end.
const EMULATOR_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
const REGION: &str = "eu-central-1";

/// Limits that the tests, which all come from one address, do not reach.
const WIDE: &str = "LoginsPerSecond=5000 LoginBurst=5000";
/// Limits that a user at a time does not reach, and sixteen do.
const NARROW: &str = "LoginsPerSecond=20 LoginBurst=20 MachineRequestsPerDay=200";

/// Runs the whole test; whether everything is as it should be.
pub(crate) fn run() -> Result<bool, String> {
    let mut steps = Steps { started: Instant::now() };
    let sam = Environment::ready("sam")?;
    let emulator = Environment::ready("emulator")?;
    steps.done("environments", "");

    let directory = workspace::target_directory()?.join("deploy-test");
    build(&emulator, &directory)?;
    steps.done("binaries", "the profile `deployment-test`, for this machine");

    let aws = Emulator::start(&emulator, &directory)?;
    steps.done("emulator", &aws.endpoint_url);

    let test = Test { sam, emulator, directory, aws };
    succeed(&mut test.deploy(WIDE), STEP_LIMIT)?;
    steps.done("sam deploy", "");
    let base_url = test.stack("complete-api", &[])?;
    let said = test.stack("put-bot", &[TOKEN])?;
    steps.done("the rest of the API, the bot's token", &said);
    let said = test.stack("smoke", &[TOKEN])?;
    steps.done("one user's way", &said);
    let api_key = test.stack("api-key", &[])?;
    let said = test.black_box(&base_url, &api_key)?;
    steps.done("black-box tests", &said);
    let said = test.stack("rotate", &[TOKEN, NEXT_TOKEN])?;
    steps.done("rotation of the bot's token", &said);
    let said = test.stack("permissions", &[TOKEN])?;
    steps.done("permissions", &said);
    let said = test.stack("alarm", &[])?;
    steps.done("an alarm", &said);
    let again = succeed(&mut test.deploy(WIDE), STEP_LIMIT)?;
    if !again.all().any(|line| line.contains("No changes to deploy")) {
        return Err("the second sam deploy of the same changed something".to_owned());
    }
    steps.done("sam deploy again", "nothing changes");
    let deploy = test.deploy(&format!("{NARROW} LogLevel=warn"));
    let mut arguments = vec![TOKEN.to_owned(), deploy.get_program().to_string_lossy().into_owned()];
    arguments.extend(deploy.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = test.stack("upgrade", &arguments)?;
    steps.done("sam deploy of other parameters", &said);
    let said = test.stack("throttled", &[TOKEN])?;
    steps.done("throttling", &said);
    let said = test.stack("machine", &[TOKEN])?;
    steps.done("a machine client", &said);
    test.aws.stop()?;
    steps.done("stopped", "");
    Ok(true)
}

/// Says what is done, and how long it took since the start.
struct Steps {
    started: Instant,
}

impl Steps {
    fn done(&mut self, what: &str, remark: &str) {
        let colon = if remark.is_empty() { "" } else { ": " };
        println!("{:>6.1} s  {what}{colon}{remark}", self.started.elapsed().as_secs_f64());
    }
}

/// Every function, where the copy of the template looks for it: `target/lambda` of the repository
/// holds what an engineer is about to deploy.
fn build(tools: &Environment, directory: &Path) -> Result<(), String> {
    let functions = functions()?;
    let known = path();
    let path = std::iter::once(tools.bin().to_owned()).chain(std::env::split_paths(&known));
    let path = std::env::join_paths(path).map_err(|error| error.to_string())?;
    let mut cargo = workspace::cargo("lambda build --profile deployment-test --compiler cargo");
    cargo.env("PATH", path).arg("--lambda-dir").arg(directory.join("target/lambda"));
    for function in functions {
        cargo.args(["--package", &function]);
    }
    succeed(&mut cargo, BUILD_LIMIT)?;
    for file in ["template.yaml", "samconfig.toml"] {
        fs::copy(workspace::root().join(file), directory.join(file))
            .map_err(|error| format!("{file} cannot be copied: {error}"))?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "cargo looks for its subcommands there")]
fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// The packages in `functions`.
fn functions() -> Result<Vec<String>, String> {
    let folder = workspace::root().join("functions");
    let entries = fs::read_dir(&folder).map_err(|error| error.to_string())?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect::<std::io::Result<_>>().map_err(|error| error.to_string())
}

/// Runs the command; what it said is the error if it fails.
fn succeed(command: &mut Command, limit: Duration) -> Result<Finished, String> {
    let finished = process::run_within(command, limit)?;
    if finished.is_success {
        return Ok(finished);
    }
    let lines: Vec<&str> = finished.all().collect();
    let program = command.get_program().to_string_lossy();
    Err(format!("{program} failed:\n{}", lines[lines.len().saturating_sub(60)..].join("\n")))
}

struct Test {
    sam: Environment,
    emulator: Environment,
    directory: PathBuf,
    aws: Emulator,
}

impl Test {
    /// `sam deploy` of the environment `local`, with these parameters on top.
    fn deploy(&self, parameters: &str) -> Command {
        let mut command = self.aws.client(self.sam.program("sam"), &self.directory);
        command.args(["deploy", "--config-env", "local", "--parameter-overrides"]);
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        };
        command.arg(format!("Architecture={architecture}"));
        command.args([
            "Environment=local",
            "Admins=42",
            "AllowedOrigins=http://localhost:5173",
            "AddressLimitPerMinute=1000000",
            "RequestsPerSecond=5000",
            "RequestBurst=5000",
        ]);
        command.args(parameters.split_whitespace());
        command
    }

    /// A command of `infrastructure/emulator/stack.py`; the last line that it says.
    fn stack(&self, what: &str, arguments: &[&str]) -> Result<String, String> {
        let script = workspace::root().join("infrastructure/emulator/stack.py");
        let mut command = self.aws.client(self.emulator.program("python"), &self.directory);
        command.arg(script).args([what, STACK]).args(arguments);
        let finished = succeed(&mut command, STEP_LIMIT)?;
        Ok(finished.out().last().unwrap_or_default().to_owned())
    }

    /// The black-box tests against the deployed API.
    fn black_box(&self, base_url: &str, api_key: &str) -> Result<String, String> {
        let mut cargo = workspace::cargo("test --quiet --package minigate-tests --");
        for (test, _) in NOT_PASSED {
            cargo.args(["--skip", test]);
        }
        cargo
            .env("MINIGATE_BASE_URL", base_url)
            .env("MINIGATE_BOT_TOKEN", TOKEN)
            .env("MINIGATE_API_KEY", api_key)
            .env("MINIGATE_ADMIN_USER_ID", "42")
            .env("RUST_BACKTRACE", "0");
        let finished = succeed(&mut cargo, BUILD_LIMIT)?;
        // The library and its documentation have no tests of their own.
        let result = finished.out().find(|line| {
            line.starts_with("test result") && !line.starts_with("test result: ok. 0 passed")
        });
        for (test, reason) in NOT_PASSED {
            println!("          without {test}: {reason}");
        }
        Ok(result.unwrap_or_default().to_owned())
    }
}

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
];

/// The emulator, ministack, with permissions enforced.
struct Emulator {
    endpoint_url: String,
    child: Child,
}

impl Emulator {
    fn start(environment: &Environment, directory: &Path) -> Result<Self, String> {
        let home = directory.join("emulator");
        if home.exists() {
            fs::remove_dir_all(&home).map_err(|error| error.to_string())?;
        }
        fs::create_dir_all(&home).map_err(|error| error.to_string())?;
        let log =
            fs::File::create(directory.join("emulator.txt")).map_err(|error| error.to_string())?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let port = free_port()?;
        let endpoint_url = format!("http://127.0.0.1:{port}");
        let child = Command::new(environment.program("ministack"))
            .current_dir(&home)
            // Its functions inherit its environment.
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &home)
            .env("TMPDIR", &home)
            .env("S3_DATA_DIR", home.join("s3"))
            .env("STATE_DIR", home.join("state"))
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_REGION", REGION)
            // Functions get the credentials of their roles, and only what those permit.
            .env("AUTH", "true")
            .env("AWS_ENDPOINT_URL", &endpoint_url)
            // These would listen on fixed ports of every address.
            .env("IOT_MTLS_ENABLED", "false")
            .env("SFTP_ENABLED", "false")
            .env("DOCKER_HOST", format!("unix://{}", home.join("no-docker").display()))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // With its functions in a group of their own, so that none is left behind.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("the emulator cannot be started: {error}"))?;
        let mut emulator = Self { endpoint_url, child };
        let listens = |emulator: &mut Self| {
            if let Ok(Some(status)) = emulator.child.try_wait() {
                return Some(Err(format!("the emulator ended with {status}; see emulator.txt")));
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(|_| Ok(()))
        };
        emulator
            .poll(listens)
            .unwrap_or_else(|| Err("the emulator does not listen; see emulator.txt".to_owned()))?;
        Ok(emulator)
    }

    /// A command that finds the emulator, and nothing else of AWS.
    fn client(&self, program: PathBuf, directory: &Path) -> Command {
        let mut command = command(program);
        command
            .current_dir(directory)
            .env("AWS_ENDPOINT_URL", &self.endpoint_url)
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", directory.join("no-config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", directory.join("no-credentials"))
            .env("SAM_CLI_TELEMETRY", "0")
            .env("NO_PROXY", "127.0.0.1")
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN");
        command
    }

    /// Ends the emulator and its functions.
    fn stop(mut self) -> Result<(), String> {
        self.signal("TERM");
        let ended = self.poll(|emulator| emulator.child.try_wait().ok().flatten());
        ended.map(drop).ok_or_else(|| "the emulator does not end by itself".to_owned())
    }

    /// Sends a signal to the group of processes that the emulator leads.
    fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.id());
        let mut kill = Command::new("kill");
        // It fails where nobody is left, which is fine.
        let _ = kill.args(["-s", name, "--", &group]).stderr(Stdio::null()).status();
    }

    fn poll<T>(&mut self, mut ask: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + EMULATOR_LIMIT;
        // Nobody ever sends: this waits.
        let (_sender, wait) = mpsc::channel::<()>();
        while Instant::now() < deadline {
            if let Some(answer) = ask(self) {
                return Some(answer);
            }
            let _ = wait.recv_timeout(POLL);
        }
        None
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.signal("KILL");
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16, String> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
