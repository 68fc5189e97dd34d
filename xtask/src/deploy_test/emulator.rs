//! The emulator, ministack, with permissions enforced; or one that runs already.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::service::{Service, free_port};
use crate::{
    python::Environment,
    workspace::{self, command},
};

const REGION: &str = "eu-central-1";
/// Where the emulator looks for programs, such as Node for functions that are written for it.
pub(super) const PATH: &str = "PATH=/usr/local/bin:/usr/bin:/bin";

pub(super) struct Emulator {
    pub(super) endpoint_url: String,
    /// None if it ran before.
    service: Option<Service>,
}

impl Emulator {
    pub(super) fn start(environment: &Environment, directory: &Path) -> Result<Self, String> {
        let home = directory.join("emulator");
        if home.exists() {
            fs::remove_dir_all(&home).map_err(|error| error.to_string())?;
        }
        fs::create_dir_all(&home).map_err(|error| error.to_string())?;
        let port = free_port()?;
        let endpoint_url = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(environment.program("python"));
        command
            .arg(workspace::root().join("infrastructure/emulator/start.py"))
            .current_dir(&home)
            // Its functions inherit its environment.
            .env_clear()
            .envs(PATH.split_once('='))
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
            .env("DOCKER_HOST", format!("unix://{}", home.join("no-docker").display()));
        let mut service = Service::start("emulator", &mut command, directory)?;
        service.listens_on(port)?;
        Ok(Self { endpoint_url, service: Some(service) })
    }

    /// One that runs already, and goes on running.
    pub(super) fn running(endpoint_url: String) -> Self {
        Self { endpoint_url, service: None }
    }

    /// A command that finds the emulator, and nothing else of AWS.
    pub(super) fn client(&self, program: PathBuf, directory: &Path) -> Command {
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

    /// Ends the emulator and its functions, unless it ran before.
    pub(super) fn stop(self) -> Result<(), String> {
        self.service.map_or(Ok(()), Service::stop)
    }
}
