use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Output, Stdio},
};

const BINARY: &str = env!("CARGO_BIN_EXE_minigate-local");

pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(BINARY).args(arguments).envs(variables.iter().copied()).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A server that ends with the test, and the lines it printed up to the `curl` line.
pub(crate) struct Dev {
    process: Child,
    lines: Vec<String>,
}

impl Dev {
    fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    pub(crate) fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut process = Command::new(BINARY)
            .args(arguments)
            .envs(variables.iter().copied())
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().is_some_and(|line: &String| line.contains("curl -X")) {
                break;
            }
        }
        Self { process, lines }
    }

    /// All that was printed.
    pub(crate) fn printed(&self) -> String {
        self.lines.join("\n")
    }

    /// The printed value of a variable for the AWS SDK.
    pub(crate) fn sdk_variable(&self, name: &str) -> String {
        let printed = self.printed();
        let value = printed.split_whitespace().find_map(|word| word.strip_prefix(name));
        value.unwrap().strip_prefix('=').unwrap().to_owned()
    }

    pub(crate) fn base_url(&self) -> String {
        let ready = self.lines.iter().find_map(|line| line.strip_prefix("minigate is ready on "));
        ready.unwrap().split(' ').next().unwrap().to_owned()
    }

    /// The header of the printed `curl` line.
    fn authorization(&self) -> String {
        let curl = self.lines.last().unwrap();
        let (_, header) = curl.split_once("'Authorization: ").unwrap();
        header.trim_end_matches('\'').to_owned()
    }

    async fn open_session(&self) -> serde_json::Value {
        let request = reqwest::Client::new().post(format!("{}/v1/sessions", self.base_url()));
        let answer = request.header("authorization", self.authorization()).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json().await.unwrap()
    }

    pub(crate) fn stop(mut self) {
        // The shell's own `kill`: not every system has it as a program.
        let kill = format!("kill {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success(), "it did not stop in order");
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

#[tokio::test]
async fn the_printed_request_works() {
    let dev = Dev::start(&[]);
    let printed = dev.printed();
    for expected in [
        "POST   /v1/sessions",
        "GET    /health",
        "1000000000:DEVELOPMENT",
        "AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1",
        "http://localhost:5173, http://127.0.0.1:5173 (MINIGATE_ALLOWED_ORIGINS)",
        "login=100 (5 by default), login-address=100 (20 by default)",
    ] {
        assert!(printed.contains(expected), "{expected:?} is not in {printed}");
    }
    let opened = dev.open_session().await;
    assert_eq!(opened["user"]["display_name"], "Ada Lovelace");
    dev.stop();
}

#[tokio::test]
async fn data_is_kept_where_it_is_told_to_be() {
    let dir = std::env::temp_dir().join(format!("minigate-data-{}", std::process::id()));
    let dir = dir.to_str().unwrap();
    for sessions in 1..=2 {
        let dev = Dev::start(&["--data", dir]);
        let opened = dev.open_session().await;
        let list = reqwest::Client::new()
            .get(format!("{}/v1/sessions", dev.base_url()))
            .bearer_auth(opened["access_token"].as_str().unwrap())
            .send()
            .await
            .unwrap();
        let list: serde_json::Value = list.json().await.unwrap();
        assert_eq!(list["sessions"].as_array().unwrap().len(), sessions);
        dev.stop();
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn wrong_settings_are_named_all_at_once() {
    let output = run(
        &[],
        &[("PORT", "0"), ("MINIGATE_ADMINS", "nobody"), ("MINIGATE_SESSIONS_PER_USER", "0")],
    );
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for expected in ["2 faults", "MINIGATE_ADMINS", "MINIGATE_SESSIONS_PER_USER"] {
        assert!(message.contains(expected), "{expected:?} is not in {message}");
    }
}

#[test]
fn wrong_arguments_are_one_message() {
    for (arguments, expected) in [
        (&["--nonsense"][..], "there is no option `--nonsense`"),
        (&["-x"], "there is no option `-x`"),
        (&["nonsense"], "there is no command `nonsense`; the commands are `serve`, `init-data`"),
        (&["serve", "env"], "`serve` and `env` are two commands"),
        (&["--", "--aws-port", "1"], "leave out `--`"),
        (&["serve", "--", "--data"], "leave out `--`"),
        (&["--aws-port"], "--aws-port must be followed by a port"),
        (&["--aws-port", "--data", "x"], "--aws-port must be followed by a port"),
        (&["--aws-port="], "--aws-port must be followed by a port"),
        (&["--aws-port", "many"], "a port from 1 to 65535 and not `many`"),
        (&["--aws-port", "0"], "a port from 1 to 65535 and not `0`"),
        (&["--aws-port", "70000"], "a port from 1 to 65535 and not `70000`"),
        (&["--aws-port", "-1"], "a port from 1 to 65535 and not `-1`"),
        (&["--aws-port", "3000"], "--aws-port and PORT are both 3000"),
        (&["--data"], "--data must be followed by a folder"),
        (&["--user", "0"], "--user must be the id of a Telegram user and not `0`"),
        (&["--user", "me"], "--user must be the id of a Telegram user and not `me`"),
        (&["openapi", "--user", "7"], "`openapi` does not take --user"),
        (&["init-data", "--data", "x"], "`init-data` does not take --data"),
        (&["--aws-endpoint"], "--aws-endpoint must be followed by a URL"),
        (&["--aws-endpoint", "localhost:4566"], "--aws-endpoint must be a URL"),
        (&["--aws-endpoint", "https://localhost:4566"], "without TLS"),
        (&["--aws-endpoint", "http://192.0.2.1:4566"], "must be on this machine"),
        (&["env", "--aws-endpoint", "http://emulator:4566"], "--allow-remote-endpoint takes"),
        (
            &["--allow-remote-endpoint", "--aws-endpoint", "http://sts.amazonaws.com"],
            "must be an emulator, and sts.amazonaws.com is AWS itself",
        ),
        (&["--allow-remote-endpoint"], "needs --aws-endpoint"),
        (&["--allow-remote-endpoint=yes"], "takes no value"),
        (
            &["--aws-endpoint", "http://localhost:1", "--aws-port", "4566"],
            "--aws-port is for the embedded services",
        ),
        (
            &["--aws-endpoint", "http://localhost:1", "--data", "x"],
            "--data is for the embedded services",
        ),
        (&["env", "--bot-token-file", "x"], "`env` takes --bot-token-file only with"),
    ] {
        let output = run(arguments, &[]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.starts_with("cargo dev: "), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
        assert!(message.contains("cargo dev [OPTIONS]"), "{arguments:?}: {message}");
    }
    for user in ["0", "-1", "007", "4503599627370496", "ada"] {
        let output = run(&["init-data", "--user", user], &[]);
        assert_eq!(output.status.code(), Some(2), "{user}");
        assert!(output.stdout.is_empty(), "{user}");
    }
    assert_eq!(run(&[], &[("PORT", "http")]).status.code(), Some(2));
}

#[tokio::test]
async fn logs_have_colours_on_a_terminal_only() {
    let mut dev = Dev::start(&[]);
    dev.open_session().await;
    let mut stderr = dev.process.stderr.take().unwrap();
    dev.stop();
    let mut logs = String::new();
    stderr.read_to_string(&mut logs).unwrap();
    assert!(logs.contains("/v1/sessions"), "{logs:?}");
    assert!(!logs.contains('\x1b'), "{logs:?}");
}

#[test]
fn the_environment_has_what_the_cli_and_the_settings_need() {
    let output = run(&["env", "--aws-port", "4567"], &[("MINIGATE_BOT_SECRETS", "my/bot")]);
    let printed = text(&output.stdout);
    let lines: Vec<&str> = printed.lines().collect();
    for expected in [
        "AWS_ENDPOINT_URL=http://127.0.0.1:4567",
        "AWS_REGION=eu-central-1",
        "AWS_DEFAULT_REGION=eu-central-1",
        "MINIGATE_BOT_SECRETS=my/bot",
        "MINIGATE_TABLE_MAIN=minigate-Main",
    ] {
        assert!(lines.contains(&expected), "{expected:?} is not in {printed}");
    }
}

#[test]
fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&[], &[("PORT", &port)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&port), "{}", text(&output.stderr));
}

#[test]
fn a_taken_aws_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&["--aws-port", &port], &[("PORT", "0")]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains(&format!("another process has port {port}")), "{message}");
}
