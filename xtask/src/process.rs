//! A child process with captured output, and a progress message while it runs.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

/// How often a running step says what it is at. CI systems end jobs that are silent for minutes.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);
/// How long nothing must come before the process is asked whether it has ended.
const QUIET: Duration = Duration::from_secs(1);
/// How much of a line is shown as a sign of life.
const SIGN_LENGTH: usize = 90;

/// What came of a process.
pub(crate) struct Finished {
    pub(crate) is_success: bool,
    lines: Vec<(Stream, String)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stream {
    Out,
    Error,
}

impl Finished {
    /// The lines of standard output.
    pub(crate) fn out(&self) -> impl Iterator<Item = &str> {
        self.of(Stream::Out)
    }

    /// The lines of standard error, where cargo and compilers report.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &str> {
        self.of(Stream::Error)
    }

    /// All lines, in the order in which they came.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(_, line)| line.as_str())
    }

    fn of(&self, stream: Stream) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |(from, _)| *from == stream).map(|(_, line)| line.as_str())
    }
}

/// Runs the command to its end, with nothing to read.
pub(crate) fn run(command: &mut Command) -> Result<Finished, String> {
    run_with_input(command, String::new())
}

/// Runs the command to its end, with nothing to read; kills it if that takes longer.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<Finished, String> {
    run_to_end(command, String::new(), Some(limit))
}

/// Runs the command to its end, with this text on its standard input.
pub(crate) fn run_with_input(command: &mut Command, input: String) -> Result<Finished, String> {
    run_to_end(command, input, None)
}

fn run_to_end(
    command: &mut Command,
    input: String,
    limit: Option<Duration>,
) -> Result<Finished, String> {
    let started = Instant::now();
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        // The output is parsed and kept; colours would be in the way.
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_TERM_PROGRESS_WHEN", "never")
        .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program} cannot be run: {error}"))?;

    let (sender, receiver) = mpsc::channel();
    if let Some(mut stdin) = child.stdin.take() {
        // On a thread of its own, because the child answers while it reads. One that stops reading
        // shows in its answer.
        thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    }
    forward(Stream::Out, child.stdout.take(), sender.clone());
    forward(Stream::Error, child.stderr.take(), sender);

    let mut lines: Vec<(Stream, String)> = Vec::new();
    let mut next_sign = SIGN_OF_LIFE;
    loop {
        match receiver.recv_timeout(QUIET) {
            Ok(line) => lines.push(line),
            // Done, though a process that it has left behind may hold the pipes open.
            Err(RecvTimeoutError::Timeout) if matches!(child.try_wait(), Ok(Some(_))) => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Some(limit) = limit.filter(|limit| started.elapsed() > *limit) {
            // It fails where the process has just ended, which is as good.
            let _ = child.kill();
            let _ = child.wait();
            let last = lines.last().map_or("nothing", |(_, line)| line.trim());
            return Err(format!("{program} took longer than {limit:?}; it said last: {last}"));
        }
        if started.elapsed() >= next_sign {
            let last = lines.iter().rev().find(|(_, line)| is_for_eyes(line));
            let last: String =
                last.map_or("", |(_, line)| line.trim()).chars().take(SIGN_LENGTH).collect();
            println!("      {:>4} s  {last}", next_sign.as_secs());
            next_sign += SIGN_OF_LIFE;
        }
    }
    let status = child.wait().map_err(|error| format!("{program} was lost: {error}"))?;
    Ok(Finished { is_success: status.success(), lines })
}

/// Empty lines and cargo's messages for machines are not.
fn is_for_eyes(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with('{')
}

fn forward(
    stream: Stream,
    source: Option<impl Read + Send + 'static>,
    lines: Sender<(Stream, String)>,
) {
    let Some(source) = source else { return };
    thread::spawn(move || {
        let mut reader = BufReader::new(source);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            if lines.send((stream, text)).is_err() {
                return;
            }
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Duration};

    use super::{run, run_with_input, run_within};

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_and_the_exit_code_are_kept() {
        let finished = run(&mut shell("echo a; echo b >&2; printf c; exit 3")).unwrap();
        assert!(!finished.is_success);
        assert_eq!(finished.out().collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(finished.errors().collect::<Vec<_>>(), ["b"]);
        assert_eq!(finished.all().count(), 3);
    }

    #[test]
    fn input_that_is_larger_than_a_pipe_is_echoed() {
        let input = "0123456789\n".repeat(50_000);
        let finished = run_with_input(&mut shell("cat"), input).unwrap();
        assert!(finished.is_success);
        assert_eq!(finished.out().count(), 50_000);
    }

    #[test]
    fn a_process_that_takes_too_long_is_killed() {
        let error = run_within(&mut shell("echo begun; exec sleep 60"), Duration::from_millis(100));
        assert!(error.is_err_and(|error| error.contains("begun")));
    }

    #[test]
    fn a_process_that_is_left_behind_is_not_waited_for() {
        let finished = run(&mut shell("echo $$; sleep 5 & echo done")).unwrap();
        assert_eq!(finished.out().last(), Some("done"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(&mut Command::new("/no/such/program")).err().unwrap();
        assert!(error.starts_with("/no/such/program cannot be run: "), "{error}");
    }
}
