//! How long to wait before another try, where others are changing the same item.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    slice,
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// While a transaction on the item is under way, which takes some milliseconds.
pub(crate) const CONFLICT: &[u64] = &[10, 20, 40, 80];
/// While requests of one user open sessions all at once: each round lets one of those through that
/// do not meet, so the pauses grow until they are spread over as much time as they need.
pub(crate) const CONTENTION: &[u64] = &[25, 50, 100, 200, 400, 800, 800, 800, 800];

/// No try begins later, however long the calls between the pauses take: a client must hear of it well
/// before its request's deadline.
const BUDGET: Duration = Duration::from_secs(4);

/// Random pauses, each at most as long as the next of a list in milliseconds.
pub(crate) struct Backoff {
    give_up_at: Instant,
    random: u64,
    longest: slice::Iter<'static, u64>,
}

impl Backoff {
    /// `seed` is what tells this request from the others, such as a random id.
    pub(crate) fn new(longest: &'static [u64], seed: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        let give_up_at = Instant::now() + BUDGET;
        Self { give_up_at, random: hasher.finish(), longest: longest.iter() }
    }

    /// Waits, and says whether there is another try.
    pub(crate) async fn pause(&mut self) -> bool {
        let end = self.draw().map(|pause| Instant::now() + pause);
        let Some(end) = end.filter(|end| *end <= self.give_up_at) else { return false };
        sleep_until(end).await;
        true
    }

    fn draw(&mut self) -> Option<Duration> {
        let longest = *self.longest.next()?;
        let mut hasher = DefaultHasher::new();
        self.random.hash(&mut hasher);
        self.random = hasher.finish();
        Some(Duration::from_millis(self.random % (longest + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(seed: u32) -> Vec<Duration> {
        let mut backoff = Backoff::new(CONTENTION, seed);
        std::iter::from_fn(|| backoff.draw()).collect()
    }

    #[test]
    fn requests_wait_for_different_times_within_bounds() {
        let all: Vec<_> = (0..100).map(pauses).collect();
        for (round, longest) in CONTENTION.iter().enumerate() {
            let round = all.iter().map(|pauses| pauses[round].as_millis());
            assert!(round.clone().all(|millis| millis <= u128::from(*longest)));
            let mean = round.sum::<u128>() / 100;
            let half = u128::from(*longest / 2);
            assert!((half * 7 / 10..=half * 13 / 10).contains(&mean), "{mean} of {longest}");
        }
        assert!(all.iter().all(|pauses| pauses.len() == CONTENTION.len()));
        assert_eq!(pauses(7), pauses(7));
    }
}
