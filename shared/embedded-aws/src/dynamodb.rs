//! DynamoDB: the crate [`dynoxide`], an emulator on SQLite that is checked against real DynamoDB.
//!
//! It is reached through its own HTTP server on an inner loopback port, not in process: the
//! public `Database` type takes requests already parsed, whereas the server also does what
//! DynamoDB does before that (validation in DynamoDB's order and words, authentication headers,
//! checksums), and its router is private. The inner hop costs a `GetItem` 0.02 to 0.1 ms, with a
//! current-thread and a multi-thread runtime; without optimisation it is 0.25 ms of 1.75 ms.
//!
//! That inner server answers web pages of any origin, which the endpoint in front of it refuses. So
//! that a page which tries all ports does not find it, it listens on a random address of
//! 127.0.0.0/8. Where the system has no loopback address but 127.0.0.1 (macOS), it listens there.
//!
//! The tests of this crate hold what the workspace relies on. Where it differs from AWS:
//!
//! - **Expired items stay.** Real DynamoDB removes them within a few days, so code that forgets
//!   to compare the expiry with the clock fails here as it would there. A database in a file is
//!   swept once, when it is opened.
//! - Every read is consistent, reads of global indexes included. A missing `ConsistentRead`
//!   cannot be noticed here.
//! - All calls are serialised: no `TransactionConflictException`, no throttling, no unprocessed
//!   items. `minigate_testkit::faults` injects what a client must survive.
//! - A table is active as soon as it is created. Backups (`UpdateContinuousBackups`) are unknown.
//! - The tokens of idempotent transactions are in memory: they do not survive a restart.

use std::{
    convert::Infallible,
    fmt,
    fs::{self, File, TryLockError},
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use dynoxide::{Database, errors::DynoxideError, server::serve_with_shutdown};
use http::{Request, StatusCode, uri::Authority};
use http_body_util::Either;
use hyper::body::Incoming;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::timeout};
use uuid::Uuid;

use crate::{
    loopback::{ANY_PORT, Upstream},
    protocol::{Answer, Service},
};

/// How long [`DynamoDb::shutdown`] waits for the server. It has nothing left to do by then.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// Why the database cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The directory cannot be created or written.
    #[error("cannot use the data directory {path}; create it, or choose one that is writable")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another process, or another part of this one, has the directory.
    #[error("the data directory {path} is in use; stop the other process, or choose another one")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The database file cannot be opened.
    #[error("cannot open the database {path}; if its data is not needed, delete it")]
    Open {
        /// The file, or `:memory:`.
        path: PathBuf,
        /// The error of the database.
        source: DynoxideError,
    },
    /// The inner server cannot get a port.
    #[error("cannot listen on a free port of 127.0.0.1 for the database")]
    Listen(#[source] io::Error),
}

/// The running database.
pub(crate) struct DynamoDb {
    database: Database,
    upstream: Upstream,
    /// Dropping it stops the server once its connections are gone.
    stop: oneshot::Sender<Infallible>,
    task: JoinHandle<()>,
    /// Locked while this is the only user of the data directory.
    _lock: Option<File>,
}

impl fmt::Debug for DynamoDb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DynamoDb").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

impl DynamoDb {
    /// Opens the database in `data_dir`, or in memory, and serves it.
    pub(crate) async fn start(data_dir: Option<&Path>) -> Result<Self, DatabaseError> {
        let (database, lock) = match data_dir {
            None => {
                let path = PathBuf::from(":memory:");
                let database =
                    Database::memory().map_err(|source| DatabaseError::Open { path, source })?;
                (database, None)
            }
            Some(directory) => {
                let lock = lock(directory)?;
                (open(directory.join("dynamodb.sqlite"))?, Some(lock))
            }
        };
        let listener = listen_out_of_sight().await.map_err(DatabaseError::Listen)?;
        let address = listener.local_addr().map_err(DatabaseError::Listen)?;
        let authority = Authority::try_from(address.to_string())
            .map_err(|error| DatabaseError::Listen(io::Error::other(error)))?;
        let (stop, stopped) = oneshot::channel::<Infallible>();
        let served = database.clone();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            if let Err(error) = serve_with_shutdown(listener, served, stopped).await {
                tracing::error!(error, "the embedded DynamoDB stopped");
            }
        });
        Ok(Self { database, upstream: Upstream::new(authority), stop, task, _lock: lock })
    }

    /// A client for the database.
    pub(crate) fn client(&self) -> DynamoDbClient {
        DynamoDbClient(self.upstream.clone())
    }

    /// The database itself, for operations outside the API.
    pub(crate) const fn database(&self) -> &Database {
        &self.database
    }

    /// Closes the database.
    pub(crate) async fn shutdown(self) {
        drop((self.stop, self.upstream));
        if timeout(SHUTDOWN_LIMIT, self.task).await.is_err() {
            tracing::warn!("the embedded DynamoDB still has a request under way");
        }
    }
}

/// Passes requests to the database.
#[derive(Clone, Debug)]
pub(crate) struct DynamoDbClient(Upstream);

impl DynamoDbClient {
    /// The database's answer, or an error in the shape of `service` if it gives none.
    pub(crate) async fn answer(&self, service: Service, request: Request<Incoming>) -> Answer {
        self.0.forward(request.map(Either::Right)).await.unwrap_or_else(|error| {
            service.error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerError",
                &format!("the embedded DynamoDB is unavailable: {error}"),
            )
        })
    }
}

/// Listens on an address that port scans of web pages do not find.
async fn listen_out_of_sight() -> io::Result<TcpListener> {
    let [first, second, third, ..] = Uuid::new_v4().into_bytes();
    // Neither the network's address nor its broadcast address.
    let random = Ipv4Addr::new(127, first, second, third.clamp(1, 254));
    match TcpListener::bind((random, 0)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(ANY_PORT).await,
    }
}

/// Creates `directory` and takes its lock, which the operating system frees with the process.
fn lock(directory: &Path) -> Result<File, DatabaseError> {
    let failed = |source| DatabaseError::Directory { path: directory.to_owned(), source };
    fs::create_dir_all(directory).map_err(failed)?;
    let file = File::create(directory.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DatabaseError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Opens or creates the database file and removes what has expired.
fn open(path: PathBuf) -> Result<Database, DatabaseError> {
    let opened = path
        .to_str()
        .ok_or_else(|| DynoxideError::ValidationException("the path is not UTF-8".to_owned()))
        .and_then(Database::new)
        .and_then(|database| Ok((database.sweep_ttl()?, database)));
    match opened {
        Ok((expired, database)) => {
            tracing::debug!(path = %path.display(), expired, "database opened");
            Ok(database)
        }
        Err(source) => Err(DatabaseError::Open { path, source }),
    }
}
