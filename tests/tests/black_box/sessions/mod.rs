//! `/v1/sessions` and below.

mod idempotency;
mod limit;
mod list;
mod one_time_use;
mod open;
mod refresh;
mod refusals;
mod revoke;
