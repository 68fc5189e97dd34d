//! `/v1/sessions` and below.

mod idempotency;
mod limit;
mod list;
mod open;
mod refresh;
mod refusals;
mod revoke;
