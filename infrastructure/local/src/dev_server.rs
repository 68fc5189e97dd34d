//! The API together with the AWS that it needs.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use minigate_embedded_aws::{self as embedded, EmbeddedAws, TemplateError, table_definitions};
use minigate_platform::{Config, Needs};

use crate::{
    Api, ApiError, AwsEndpoint, BotToken, EndpointError, NamedSecret, development, secrets,
};

/// What a deployment is made of; its tables are made here too.
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// How a development server is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port of the API; 0 takes any free one.
    pub port: u16,
    /// The port of the embedded AWS endpoint; 0 takes any free one.
    pub aws_port: u16,
    /// Where the embedded DynamoDB and Secrets Manager keep their data; in memory without.
    pub data_dir: Option<PathBuf>,
    /// An emulator that runs already, used instead of the embedded services.
    pub aws_endpoint: Option<AwsEndpoint>,
    /// The token of a real bot, put into the development bot's secret.
    pub bot_token: Option<BotToken>,
    /// Variables that are set on top of those of [`development::variables`].
    pub variables: Vec<(String, String)>,
}

impl Options {
    /// The development variables, with those of the options in their place.
    pub fn environment(&self) -> Vec<(String, String)> {
        let is_overridden = |name: &str| self.variables.iter().any(|(other, _)| other == name);
        let defaults =
            development::variables().into_iter().filter(|(name, _)| !is_overridden(name));
        defaults.chain(self.variables.iter().cloned()).collect()
    }

    fn config(&self) -> Result<Config, DevError> {
        let config = Config::from_variables(self.environment(), Needs::ALL);
        Ok(config.map_err(ApiError::Config)?)
    }
}

/// Why a development server does not start.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The API does not start.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The embedded AWS does not start.
    #[error("the AWS endpoint: {0}")]
    Aws(#[from] embedded::StartError),
    /// The tables cannot be created.
    #[error("the tables of template.yaml cannot be created: {0}")]
    Tables(#[from] TemplateError),
    /// The endpoint does not do what is asked of it.
    #[error("the AWS endpoint: {0}")]
    Endpoint(#[from] EndpointError),
}

/// The API on this machine, with the embedded AWS unless another one is used.
pub struct DevServer {
    api: Api,
    aws: Aws,
    secrets: Vec<NamedSecret>,
}

enum Aws {
    Embedded(EmbeddedAws),
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
    /// Starts all of it, with the tables and the development secrets in place.
    ///
    /// # Errors
    /// [`DevError`].
    pub async fn start(options: Options) -> Result<Self, DevError> {
        let aws = match options.aws_endpoint.clone() {
            Some(endpoint) => {
                prepare(&endpoint, &options).await?;
                Aws::Running(endpoint)
            }
            None => Aws::Embedded(start_aws(&options).await?),
        };
        let url = aws.endpoint_url();
        let secrets = secrets::find(&url, &options.config()?).await?;
        let api = Api::start(options.port, &url, options.environment()).await?;
        Ok(Self { api, aws, secrets })
    }

    /// Where the API is.
    pub fn base_url(&self) -> String {
        self.api.base_url()
    }

    /// Where DynamoDB and Secrets Manager are: the value for `AWS_ENDPOINT_URL`.
    pub fn aws_endpoint_url(&self) -> String {
        self.aws.endpoint_url()
    }

    /// The secrets that the environment names, as they were at the start.
    pub fn secrets(&self) -> &[NamedSecret] {
        &self.secrets
    }

    /// Lets what is under way finish, and stops. An endpoint that ran before goes on running.
    pub async fn shutdown(self) {
        self.api.shutdown().await;
        if let Aws::Embedded(aws) = self.aws {
            aws.shutdown().await;
        }
    }
}

/// The embedded AWS, with the tables and the development secrets in it.
///
/// # Errors
/// [`DevError`].
pub async fn start_aws(options: &Options) -> Result<EmbeddedAws, DevError> {
    let config = options.config()?;
    let aws = EmbeddedAws::start(embedded::Options {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, options.aws_port)),
        data_dir: options.data_dir.clone(),
    })
    .await?;
    aws.create_tables(TEMPLATE, &config.tables.by_logical_id())?;
    secrets::create_missing(&aws.endpoint_url(), &config, options.bot_token.as_ref()).await?;
    Ok(aws)
}

/// Makes the tables and the development secrets on an endpoint that runs already, as far as they are
/// missing there; what the secrets are then.
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
