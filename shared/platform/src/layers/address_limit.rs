//! A limit per client address, in memory, before anything is verified or read.
//!
//! It holds per instance and is generous: it prevents one address from keeping an instance busy. Exact
//! limits are distributed and come after authentication.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::extract::Request;
use governor::{Quota, RateLimiter, middleware::NoOpMiddleware, state::keyed::HashMapStateStore};
use minigate_domain::Clock;

use crate::{Code, Platform, Problem, extract::ClientAddress, system::GovernorClock};

/// How many addresses are remembered before the idle ones are dropped. An entry has about 50 bytes.
///
/// An address is idle once all its units are back: after a single request, a minute divided by the limit.
/// So the requests that an instance can serve in a minute bound what remains after a sweep.
const SWEEP_FROM: usize = 10_000;

type Limiter =
    RateLimiter<IpAddr, HashMapStateStore<IpAddr>, GovernorClock, NoOpMiddleware<Duration>>;

/// The limit and the addresses it remembers.
pub struct AddressLimit {
    limiter: Limiter,
    /// The number of addresses at which the next sweep is due: twice what the last one left, so
    /// that sweeps stay rare under load.
    sweep_at: AtomicUsize,
    clock: GovernorClock,
}

impl AddressLimit {
    /// Admits `per_minute` requests of each address per minute, in a burst if need be. Zero counts as one.
    pub(crate) fn new(per_minute: u32, clock: Arc<dyn Clock>) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        let clock = GovernorClock::new(clock);
        let limiter = RateLimiter::hashmap_with_clock(quota, clock.clone());
        Self { limiter, sweep_at: AtomicUsize::new(SWEEP_FROM), clock }
    }

    /// Counts a request of `address`, a network of IPv6 being one ([`ClientAddress::network`]).
    ///
    /// # Errors
    /// How long the address has to wait.
    fn check(&self, address: IpAddr) -> Result<(), Duration> {
        if self.limiter.len() >= self.sweep_at.load(Ordering::Relaxed) {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
            let next = SWEEP_FROM.max(2 * self.limiter.len());
            self.sweep_at.store(next, Ordering::Relaxed);
        }
        self.limiter
            .check_key(&address)
            .map_err(|denied| denied.wait_time_from(governor::clock::Clock::now(&self.clock)))
    }
}

/// Counts a request. All requests without a known address share one bucket.
pub(super) fn enforce(platform: &Platform, request: &Request) -> Result<(), Problem> {
    let network = ClientAddress::of(request.extensions()).network();
    let address = network.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    platform.address_limit.check(address).map_err(|wait| {
        Problem::new(Code::RATE_LIMITED).violated_policy("address").retry_after(wait)
    })
}

#[cfg(test)]
mod tests {
    use minigate_testkit::FakeClock;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_wait_is_exact_and_follows_the_wall_clock() {
        let clock = FakeClock::default();
        let limit = AddressLimit::new(60, Arc::new(clock.clone()));
        let client = address("192.0.2.1");
        assert!((0..60).all(|_| limit.check(client).is_ok()));
        assert_eq!(limit.check(client), Err(Duration::from_secs(1)));
        clock.advance(Duration::from_millis(999));
        assert_eq!(limit.check(client), Err(Duration::from_millis(1)));
        clock.advance(Duration::from_millis(1));
        assert_eq!(limit.check(client), Ok(()));
        assert_eq!(limit.check(address("192.0.2.2")), Ok(()), "others are not touched");
    }

    #[test]
    fn memory_is_bounded() {
        let clock = FakeClock::default();
        let limit = AddressLimit::new(1_000, Arc::new(clock.clone()));
        for round in 0..3_u32 {
            for number in 0..10_000_u32 {
                let _ = limit.check(Ipv4Addr::from_bits(round << 16 | number).into());
            }
            clock.advance(Duration::from_secs(120));
        }
        assert!(limit.limiter.len() <= 10_001, "{} addresses are kept", limit.limiter.len());
    }
}
