//! The API together with the AWS that it needs.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use minigate_embedded_aws::{self as embedded, EmbeddedAws, QueueFaults, TemplateError};
use minigate_platform::{Config, Needs, aws};

use crate::{
    Api, ApiError, development,
    workers::{self, Runner, Workers},
};

/// What a deployment is made of; its tables are made here too.
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// How a development server is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port of the API; 0 takes any free one.
    pub port: u16,
    /// The port of the AWS endpoint; 0 takes any free one.
    pub aws_port: u16,
    /// Where DynamoDB keeps its data; in memory without.
    pub data_dir: Option<PathBuf>,
    /// Variables that are set on top of those of [`development::variables`].
    pub variables: Vec<(String, String)>,
    /// What the queues do that AWS permits and seldom does.
    pub queue_faults: QueueFaults,
}

/// Why a development server does not start.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The API does not start.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The embedded AWS does not start.
    #[error(transparent)]
    Aws(#[from] embedded::StartError),
    /// The tables cannot be created.
    #[error("the tables of template.yaml cannot be created: {0}")]
    Tables(#[from] TemplateError),
    /// A queue cannot be created.
    #[error("the queue {queue} cannot be created: {reason}")]
    Queue {
        /// Its name.
        queue: String,
        /// What SQS says.
        reason: String,
    },
    /// The secrets cannot be created.
    #[error("the development secrets cannot be created: {0}")]
    Secrets(String),
}

/// Everything on this machine: API, workers, DynamoDB, Secrets Manager and SQS.
pub struct DevServer {
    // First, so that no worker finds the others gone.
    runner: Runner,
    api: Api,
    aws: EmbeddedAws,
}

impl DevServer {
    /// Starts all of it, with the tables and the development secrets in place.
    ///
    /// # Errors
    /// [`DevError`].
    pub async fn start(options: Options) -> Result<Self, DevError> {
        Self::start_with(options, workers::all()).await
    }

    /// The same with other workers than those of the deployment.
    ///
    /// # Errors
    /// [`DevError`].
    pub async fn start_with(options: Options, workers: Workers) -> Result<Self, DevError> {
        let aws = start_aws(&options).await?;
        let client = workers::client(&aws.endpoint_url()).await;
        let queues = workers.create_queues(&client).await?;
        let mut variables = variables(&options);
        variables.extend(queues.iter().map(|queue| queue.variable()));
        let api = Api::start(options.port, &aws.endpoint_url(), variables).await?;
        let runner = Runner::start(workers, queues, &client, api.platform());
        Ok(Self { runner, api, aws })
    }

    /// Fires the schedule of this job for this moment, in Unix milliseconds, whatever its schedule says.
    ///
    /// # Errors
    /// That there is no such job, or what Lambda would be told.
    pub async fn fire(&self, job: &str, unix_millis: u64) -> Result<(), String> {
        self.runner.fire(job, unix_millis).await
    }

    /// Where the API is.
    pub fn base_url(&self) -> String {
        self.api.base_url()
    }

    /// Where DynamoDB, Secrets Manager and SQS are: the value for `AWS_ENDPOINT_URL`.
    pub fn aws_endpoint_url(&self) -> String {
        self.aws.endpoint_url()
    }

    /// Lets what is under way finish, and stops.
    pub async fn shutdown(self) {
        drop(self.runner);
        self.api.shutdown().await;
        self.aws.shutdown().await;
    }
}

/// The embedded AWS, with the tables and the development secrets in it.
///
/// # Errors
/// [`DevError`].
pub async fn start_aws(options: &Options) -> Result<EmbeddedAws, DevError> {
    let config =
        Config::from_variables(variables(options), Needs::ALL).map_err(ApiError::Config)?;
    let aws = EmbeddedAws::start(embedded::Options {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, options.aws_port)),
        data_dir: options.data_dir.clone(),
        queue_faults: options.queue_faults,
        ..embedded::Options::default()
    })
    .await?;
    aws.create_tables(TEMPLATE, &config.tables.by_logical_id())?;
    let shared = aws::configuration_of_emulator(&aws.endpoint_url()).await;
    development::create_secrets(&aws_sdk_secretsmanager::Client::new(&shared))
        .await
        .map_err(DevError::Secrets)?;
    Ok(aws)
}

/// The development variables, with those of the options in their place.
fn variables(options: &Options) -> Vec<(String, String)> {
    let is_overridden = |name: &str| options.variables.iter().any(|(other, _)| other == name);
    let defaults = development::variables().into_iter().filter(|(name, _)| !is_overridden(name));
    defaults.chain(options.variables.iter().cloned()).collect()
}
