//! A function's process: started, timed, weighed and ended.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use std::time::Instant;

use crate::{runtime_api::RuntimeApi, share::Share};

/// A running function that has polled for its first event.
pub(crate) struct Process {
    child: Child,
    api: RuntimeApi,
    log: PathBuf,
    /// How its start went.
    pub(crate) start: Start,
}

/// From `exec` to the first poll.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    /// What a clock on the wall shows.
    pub(crate) wall: Duration,
    /// How long its threads had a processor: what is left of the wall's time on a busy machine.
    pub(crate) processor: Option<Duration>,
}

/// The shell has started and put itself where it is limited before the clock does. What the clock
/// shows is `exec`, the loader and the function.
const LAUNCHER: &str =
    r#"[ -z "$1" ] || echo $$ >"$1"; echo ready; read -r go && exec "$0" >"$2" 2>&1"#;

/// Longer than a period of the limit: what the shell used of its share is forgotten.
const REST: Duration = Duration::from_millis(50);

impl Process {
    /// Starts a binary with these variables, and no others but Lambda's own.
    pub(crate) fn start(
        binary: &Path,
        variables: &[(String, String)],
        share: Option<&Share>,
        log: &Path,
        deadline_unix_millis: u64,
    ) -> Result<Self, String> {
        Self::launch(binary, variables, share, log, deadline_unix_millis).map_err(|error| {
            let printed = fs::read_to_string(log).unwrap_or_default();
            format!("{} does not start: {error}\n{printed}", binary.display())
        })
    }

    fn launch(
        binary: &Path,
        variables: &[(String, String)],
        share: Option<&Share>,
        log: &Path,
        deadline_unix_millis: u64,
    ) -> io::Result<Self> {
        let api = RuntimeApi::start(deadline_unix_millis)?;
        let mut child = Command::new("/bin/sh")
            .args(["-c", LAUNCHER])
            .arg(binary)
            .arg(share.map(Share::processes).unwrap_or_default())
            .arg(log)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "benchmark")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let none = Start { wall: Duration::ZERO, processor: None };
        let mut process = Self { child, api, log: log.to_owned(), start: none };
        process.start = process.go(pipes, share.is_some())?;
        Ok(process)
    }

    fn go(&self, pipes: Option<(ChildStdin, ChildStdout)>, limited: bool) -> io::Result<Start> {
        let (mut go, ready) = pipes.ok_or_else(|| io::Error::other("no pipes"))?;
        BufReader::new(ready).read_line(&mut String::new())?;
        if limited {
            thread::sleep(REST);
        }
        let used_by_the_shell = self.processor_time();
        let started = Instant::now();
        go.write_all(b"go\n")?;
        let polled = self.api.poll().map_err(io::Error::other)?;
        let processor = self.processor_time().zip(used_by_the_shell);
        self.api.idle().map_err(io::Error::other)?;
        Ok(Start {
            wall: polled - started,
            processor: processor.map(|(all, shell)| all.saturating_sub(shell)),
        })
    }

    /// Gives it an event; returns how long it took and what it answered.
    pub(crate) fn invoke(&self, event: &str) -> Result<(Duration, String), String> {
        self.api.invoke(event).map_err(|error| {
            let printed = fs::read_to_string(&self.log).unwrap_or_default();
            format!("{error}; the function printed\n{printed}")
        })
    }

    /// The most memory that was resident at once, in bytes.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(self.proc("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }

    /// How long its threads have run.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        let mut sum = Duration::ZERO;
        for thread in fs::read_dir(self.proc("task")).ok()?.flatten() {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            sum += Duration::from_nanos(text.split(' ').next()?.parse().ok()?);
        }
        Some(sum)
    }

    fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(file)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
