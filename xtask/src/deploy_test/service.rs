//! A program that runs beside the test, with all that it starts, until the test ends it.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// Time for a program to listen, and to end.
const LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// It is ended when this is dropped.
pub(crate) struct Service {
    name: &'static str,
    log: PathBuf,
    child: Child,
}

impl Service {
    /// Starts the command in a group of processes of its own, so that nothing is left behind, with
    /// what it says in a file of this folder.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        directory: &Path,
    ) -> Result<Self, String> {
        let log = directory.join(format!("{name}.txt"));
        let output = fs::File::create(&log).map_err(|error| error.to_string())?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{name} cannot be started: {error}"))?;
        Ok(Self { name, log, child })
    }

    /// Waits until it listens on this port of the loopback address.
    pub(crate) fn listens_on(&mut self, port: u16) -> Result<(), String> {
        let (name, log) = (self.name, self.log.display().to_string());
        let is_open = |service: &mut Self| {
            if let Ok(Some(status)) = service.child.try_wait() {
                return Some(Err(format!("{name} ended with {status}; see {log}")));
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(|_| Ok(()))
        };
        self.poll(is_open).unwrap_or_else(|| Err(format!("{name} does not listen; see {log}")))
    }

    /// Asks it and all that it has started to end, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        self.signal("TERM");
        let ended = self.poll(|service| service.child.try_wait().ok().flatten());
        ended.map(drop).ok_or_else(|| format!("{} does not end by itself", self.name))
    }

    /// Sends a signal to the group of processes that it leads.
    fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.id());
        let mut kill = Command::new("kill");
        // It fails where nobody is left, which is fine.
        let _ = kill.args(["-s", name, "--", &group]).stderr(Stdio::null()).status();
    }

    fn poll<T>(&mut self, mut ask: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + LIMIT;
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

impl Drop for Service {
    fn drop(&mut self) {
        self.signal("KILL");
        let _ = self.child.wait();
    }
}

/// A port of the loopback address that nobody listens on at the moment.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
