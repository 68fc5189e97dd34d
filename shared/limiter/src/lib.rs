//! A distributed rate limiter on DynamoDB.

mod clock;
mod decision;
mod dynamodb;
mod limiter;
mod memory;
mod meter;
mod metrics;
mod policy;
mod table;
pub mod update;

pub use clock::Clock;
pub use dynamodb::DynamoTable;
pub use decision::{Decision, Reason, State};
pub use limiter::{Limiter, LimiterBuilder};
pub use metrics::Metrics;
pub use policy::{
    Leases, Limit, MAX_KEY_BYTES, MAX_LIMIT, MAX_NAME_BYTES, MAX_PERIOD, MAX_RATE_PER_SECOND,
    MIN_PERIOD, Mode, OnStoreFailure, Policy, PolicyBuilder, PolicyError,
};
pub use table::{MemoryTable, Table, TableError};
