//! The API with the AWS services that it needs.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use minigate_embedded_aws::{
    self as embedded, EmbeddedAws, QueueFaults, TemplateError, table_definitions,
};
use minigate_platform::{Config, Needs};

use crate::{
    Api, ApiError, AwsEndpoint, BotToken, EndpointError, NamedSecret, development, examples,
    limits, secrets,
    workers::{self, Runner, Workers},
};

/// The template of a deployment, which defines the tables.
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// What all functions together need.
pub(crate) fn needs() -> Needs {
    Needs::ALL.and(Needs::CERTIFICATE_KEY).all_limits(limits::of_functions())
}

/// The options of a development server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port of the API; 0 takes any free one.
    pub port: u16,
    /// The port of the embedded AWS endpoint; 0 takes any free one.
    pub aws_port: u16,
    /// The folder of the embedded DynamoDB and Secrets Manager; in memory if absent.
    pub data_dir: Option<PathBuf>,
    /// A running emulator, which replaces the embedded services.
    pub aws_endpoint: Option<AwsEndpoint>,
    /// The token of a real bot, stored in the development bot's secret.
    pub bot_token: Option<BotToken>,
    /// Variables that override those of [`development::variables`].
    pub variables: Vec<(String, String)>,
    /// What the queues do that AWS permits and seldom does.
    pub queue_faults: QueueFaults,
}

impl Options {
    /// The development variables, overridden by those of the options.
    pub fn environment(&self) -> Vec<(String, String)> {
        let is_overridden = |name: &str| self.variables.iter().any(|(other, _)| other == name);
        let defaults =
            development::variables().into_iter().filter(|(name, _)| !is_overridden(name));
        defaults.chain(self.variables.iter().cloned()).collect()
    }

    fn config(&self) -> Result<Config, DevError> {
        let config = Config::from_variables(self.environment(), needs());
        Ok(config.map_err(ApiError::Config)?)
    }
}

/// Why a development server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The API cannot start.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The embedded AWS cannot start.
    #[error("the AWS endpoint: {0}")]
    Aws(#[from] embedded::StartError),
    /// The tables cannot be created.
    #[error("the tables of template.yaml cannot be created: {0}")]
    Tables(#[from] TemplateError),
    /// The endpoint cannot be used.
    #[error("the AWS endpoint: {0}")]
    Endpoint(#[from] EndpointError),
    /// The example quizzes cannot be stored.
    #[error("the example quizzes cannot be stored: {0}")]
    Examples(String),
    /// A queue cannot be created.
    #[error("the queue {queue} cannot be created: {reason}")]
    Queue {
        /// Its name.
        queue: String,
        /// What SQS says.
        reason: String,
    },
}

/// The API and the workers on this machine, with the embedded AWS unless another one is used.
pub struct DevServer {
    // First, so that no worker finds the others gone.
    runner: Runner,
    api: Api,
    aws: Aws,
    secrets: Vec<NamedSecret>,
}

enum Aws {
    Embedded(Box<EmbeddedAws>),
    Running(AwsEndpoint),
}

impl Aws {
    fn endpoint_url(&self) -> String {
        match self {
            Self::Embedded(aws) => aws.endpoint_url(),
            Self::Running(endpoint) => endpoint.url().to_owned(),
        }
    }
}

impl DevServer {
    /// Starts the API and AWS, and creates tables, development secrets and the example quizzes.
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
        let aws = match options.aws_endpoint.clone() {
            Some(endpoint) => {
                prepare(&endpoint, &options).await?;
                Aws::Running(endpoint)
            }
            None => Aws::Embedded(Box::new(start_aws(&options).await?)),
        };
        let url = aws.endpoint_url();
        let secrets = secrets::find(&url, &options.config()?).await?;
        let client = workers::client(&url).await;
        let queues = workers.create_queues(&client).await?;
        let mut variables = options.environment();
        variables.extend(queues.iter().map(|queue| queue.variable()));
        let api = Api::start(options.port, &url, variables).await?;
        examples::bring_in(api.platform()).await?;
        let runner = Runner::start(workers, queues, &client, api.platform());
        Ok(Self { runner, api, aws, secrets })
    }

    /// Fires the schedule of this job for this moment, in Unix milliseconds, whatever its schedule says.
    ///
    /// # Errors
    /// That there is no such job, or what Lambda would be told.
    pub async fn fire(&self, job: &str, unix_millis: u64) -> Result<(), String> {
        self.runner.fire(job, unix_millis).await
    }

    /// The URL of the API.
    pub fn base_url(&self) -> String {
        self.api.base_url()
    }

    /// Where DynamoDB, Secrets Manager and SQS are: the value for `AWS_ENDPOINT_URL`.
    pub fn aws_endpoint_url(&self) -> String {
        self.aws.endpoint_url()
    }

    /// The secrets of the environment, as they were at start-up.
    pub fn secrets(&self) -> &[NamedSecret] {
        &self.secrets
    }

    /// Finishes running requests, and stops. A running endpoint is left alone.
    pub async fn shutdown(self) {
        drop(self.runner);
        self.api.shutdown().await;
        if let Aws::Embedded(aws) = self.aws {
            aws.shutdown().await;
        }
    }
}

/// The embedded AWS, with tables and development secrets.
///
/// # Errors
/// [`DevError`].
pub async fn start_aws(options: &Options) -> Result<EmbeddedAws, DevError> {
    let config = options.config()?;
    let aws = EmbeddedAws::start(embedded::Options {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, options.aws_port)),
        data_dir: options.data_dir.clone(),
        queue_faults: options.queue_faults,
        ..embedded::Options::default()
    })
    .await?;
    aws.create_tables(TEMPLATE, &config.tables.by_logical_id())?;
    secrets::create_missing(&aws.endpoint_url(), &config, options.bot_token.as_ref()).await?;
    Ok(aws)
}

/// Creates missing tables and development secrets on a running endpoint. Returns the state of the secrets.
///
/// # Errors
/// [`DevError`].
pub async fn prepare(
    endpoint: &AwsEndpoint,
    options: &Options,
) -> Result<Vec<NamedSecret>, DevError> {
    let config = options.config()?;
    let tables = table_definitions(TEMPLATE, &config.tables.by_logical_id())?;
    endpoint.create_tables(&tables).await?;
    secrets::create_missing(endpoint.url(), &config, options.bot_token.as_ref()).await?;
    Ok(secrets::find(endpoint.url(), &config).await?)
}
