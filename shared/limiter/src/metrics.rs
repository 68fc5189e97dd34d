//! What is counted.

/// Counts since the limiter was made. Requests are counted once however many policies they pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Requests allowed.
    pub admitted: u64,
    /// Requests denied.
    pub denied: u64,
    /// Requests denied without a call.
    pub denied_from_memory: u64,
    /// Policies in shadow mode that would have denied a request.
    pub shadow_denied: u64,
    /// Policies decided without the store because it did not answer.
    pub without_store: u64,
    /// Calls to the table: updates, refunds, reads.
    pub calls: u64,
    /// Calls without an answer.
    pub store_errors: u64,
    /// Units taken from the table.
    pub taken_units: u64,
    /// Units given back to the table.
    pub returned_units: u64,
    /// Units taken and neither spent nor given back in time.
    pub wasted_units: u64,
}
