//! DynamoDB, Secrets Manager and SQS embedded in the process, behind one loopback endpoint.
//!
//! Tests and `cargo dev` run against it as the functions run against AWS: through the AWS SDK,
//! over HTTP, with nothing mocked. Whatever reads `AWS_ENDPOINT_URL` works with it unchanged, the
//! AWS CLI included, with any region and any credentials:
//!
//! ```no_run
//! # async fn example() -> Result<(), minigate_embedded_aws::StartError> {
//! use minigate_embedded_aws::{EmbeddedAws, Options};
//!
//! let aws = EmbeddedAws::start(Options::default()).await?;
//! println!("AWS_ENDPOINT_URL={}", aws.endpoint_url());
//! aws.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! The `X-Amz-Target` header routes a request: DynamoDB and its streams go to
//! [`dynoxide`](https://docs.rs/dynoxide-rs), Secrets Manager and SQS to small state machines of our own.
//! Anything else is refused with an error that the SDK understands.
//!
//! The endpoint checks no signature and knows no permissions, so it refuses to listen on any but a
//! loopback address, and answers 403 to requests that a web page may have sent: those that name
//! another host, and those with a foreign origin. All regions share one set of tables, secrets and
//! queues.

mod clock;
mod dynamodb;
pub mod loopback;
pub mod protocol;
pub mod schedule;
mod secrets_manager;
mod sqs;
mod template;
mod web_pages;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

pub use clock::TimeSource;
pub use dynamodb::DatabaseError;
use http::StatusCode;
pub use loopback::BindError;
pub use secrets_manager::SecretsFileError;
pub use sqs::QueueFaults;
pub use template::{TableDefinition, TemplateError, table_definitions};

use crate::{
    dynamodb::DynamoDb,
    loopback::LoopbackServer,
    protocol::{Call, Service},
    secrets_manager::SecretsManager,
    sqs::Sqs,
};

/// Where the endpoint listens and where its data lives.
#[derive(Clone, Debug)]
pub struct Options {
    /// A loopback address; port 0, the default, takes a free one.
    pub address: SocketAddr,
    /// The directory of tables and secrets, created if missing and used by one process at a time.
    /// `None`, the default, keeps both in memory. The secrets' file is for its owner's eyes only.
    /// Queues are always in memory.
    pub data_dir: Option<PathBuf>,
    /// The clock of the queues. DynamoDB and Secrets Manager have the system's.
    pub clock: TimeSource,
    /// What standard queues do that AWS permits and seldom does. Nothing by default.
    pub queue_faults: QueueFaults,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: loopback::ANY_PORT,
            data_dir: None,
            clock: TimeSource::default(),
            queue_faults: QueueFaults::default(),
        }
    }
}

/// Why the endpoint cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The database behind it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The file of the secrets.
    #[error(transparent)]
    Secrets(#[from] SecretsFileError),
}

/// The running endpoint. Dropping it closes its connections at once and ends its tasks.
#[derive(Debug)]
pub struct EmbeddedAws {
    // Before the database, so that no request finds it gone.
    server: LoopbackServer,
    dynamodb: DynamoDb,
}

impl EmbeddedAws {
    /// Starts the services and listens.
    ///
    /// # Errors
    /// [`StartError`], with the address or directory and the remedy.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let dynamodb = DynamoDb::start(options.data_dir.as_deref()).await?;
        let secrets_manager = Arc::new(SecretsManager::open(options.data_dir.as_deref())?);
        let sqs = Arc::new(Sqs::new(options.clock, options.queue_faults));
        let database = dynamodb.client();
        let server = LoopbackServer::bind(options.address, move |request| {
            let (database, secrets_manager) = (database.clone(), Arc::clone(&secrets_manager));
            let sqs = Arc::clone(&sqs);
            async move {
                let call = Call::from_headers(request.headers());
                if let Some(reason) = web_pages::refusal(request.uri(), request.headers()) {
                    let service = call.map_or(Service::DynamoDb, |call| call.service);
                    let code = "AccessDeniedException";
                    return Some(service.error(StatusCode::FORBIDDEN, code, &reason));
                }
                let answer = match call {
                    Some(Call { service: Service::SecretsManager, operation }) => {
                        secrets_manager.answer(&operation, request.into_body()).await
                    }
                    Some(Call { service: Service::Sqs, operation }) => {
                        let (parts, body) = request.into_parts();
                        sqs.answer(&operation, &parts.headers, body).await
                    }
                    Some(Call { service, .. }) => database.answer(service, request).await,
                    None => Service::DynamoDb.error(
                        StatusCode::BAD_REQUEST,
                        "UnknownOperationException",
                        "this endpoint embeds DynamoDB, DynamoDB Streams, Secrets Manager and \
                         SQS: the header X-Amz-Target must name an operation of one of them",
                    ),
                };
                Some(answer)
            }
        })
        .await?;
        Ok(Self { server, dynamodb })
    }

    /// The URL for `AWS_ENDPOINT_URL`, such as `http://127.0.0.1:4566`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The address it listens on, with the port that was given out.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Creates the tables that a CloudFormation template, in YAML, defines and that do not exist
    /// yet. `names` are pairs of a table's logical id and the name it gets here, and must be
    /// exactly those of the template. Keys, indexes, streams and time to live are taken over; the
    /// rest of a definition is for AWS.
    ///
    /// # Errors
    /// [`TemplateError`], which names the table.
    pub fn create_tables(
        &self,
        template: &str,
        names: &[(&str, &str)],
    ) -> Result<(), TemplateError> {
        template::create_tables(self.dynamodb.database(), &table_definitions(template, names)?)
    }

    /// Lets requests under way finish and closes the database file, within a few seconds.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
        self.dynamodb.shutdown().await;
    }
}
