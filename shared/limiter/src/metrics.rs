//! Counters.

/// Counters since the limiter was built. A request counts once, however many policies it has.
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
    /// Policies decided without the store because it was unavailable.
    pub without_store: u64,
    /// Calls to the table: updates, refunds, reads.
    pub calls: u64,
    /// Calls that failed or timed out.
    pub store_errors: u64,
    /// Units taken from the table.
    pub taken_units: u64,
    /// Units returned to the table.
    pub returned_units: u64,
    /// Units that expired unspent.
    pub wasted_units: u64,
}
