//! What is simulated, and what comes of it.

use minigate_limiter::{Metrics, Policy};

/// What the network does to calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// Answers at once.
    Instant,
    /// Answers after some milliseconds.
    Healthy,
    /// Also loses requests and answers, repeats requests, delays beyond the timeout, throttles.
    Faulty,
}

/// How requests come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrivals {
    Poisson,
    /// Crowds at one instant, spread over the instances, and pauses.
    Bursts,
    /// Steady for a while, so that leases are taken; then a lull in which the bucket fills while
    /// they are held; then a crowd that takes all of both at one instant.
    Lulls,
    /// Every instance asks again the moment the last denial allows it, and at once after an
    /// admission.
    Greedy,
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) policy: Policy,
    pub(crate) instances: usize,
    pub(crate) requests: usize,
    /// Over all instances.
    pub(crate) per_second: f64,
    pub(crate) arrivals: Arrivals,
    pub(crate) network: Network,
    /// Instances are frozen, thawed and killed.
    pub(crate) is_chaotic: bool,
    /// How far each clock may be from the true time.
    pub(crate) skew: i64,
    /// The greatest weight.
    pub(crate) weight: u32,
    pub(crate) keys: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) offered: u64,
    pub(crate) admitted: u64,
    /// Of the admitted, those the policy let pass while the table did not answer.
    pub(crate) without_store: u64,
    /// What a limiter that knows everything at once would have admitted.
    pub(crate) ideal: u64,
    pub(crate) metrics: Metrics,
    /// By how much time admissions ran ahead of the promise at worst; negative if never.
    pub(crate) excess: i64,
    /// The most room, in time, that a strict bucket had at a denial.
    pub(crate) denied_with_room: i64,
    /// The most units admitted in one window of a quota.
    pub(crate) window: u64,
    /// How long each decision took.
    pub(crate) delays: Vec<i64>,
}
