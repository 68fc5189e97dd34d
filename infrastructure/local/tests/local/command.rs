use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Output, Stdio},
};

const BINARY: &str = env!("CARGO_BIN_EXE_minigate-local");

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(BINARY).args(arguments).envs(variables.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A server that ends with the test, and the lines it printed up to the `curl` line.
struct Dev {
    process: Child,
    lines: Vec<String>,
}

impl Dev {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(BINARY)
            .args(arguments)
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().is_some_and(|line| line.contains("curl")) {
                break;
            }
        }
        Self { process, lines }
    }

    fn base_url(&self) -> String {
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

    fn stop(mut self) {
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
    let printed = dev.lines.join("\n");
    for expected in ["POST   /v1/sessions", "GET    /health", "1000000000:DEVELOPMENT"] {
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
fn wrong_arguments_are_refused_with_the_usage() {
    for arguments in [["--nonsense"].as_slice(), &["--aws-port", "many"], &["--data"]] {
        let output = run(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("cargo dev [OPTIONS]"), "{arguments:?}");
    }
    for user in ["0", "-1", "007", "4503599627370496", "ada"] {
        let output = run(&["init-data", "--user", user], &[]);
        assert_eq!(output.status.code(), Some(2), "{user}");
        assert!(output.stdout.is_empty(), "{user}");
        let message = text(&output.stderr);
        let expected = format!("--user {user}: not a user id: an integer from 1 to 2^52 - 1");
        assert!(message.contains(&expected), "{message}");
    }
    assert_eq!(run(&["nonsense"], &[]).status.code(), Some(1));
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
fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&[], &[("PORT", &port)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&port), "{}", text(&output.stderr));
}
