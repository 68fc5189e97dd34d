//! How patient a worker is.

use std::time::Duration;

/// Attempts, waits and leases of an outbox. All workers of a lane should have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attempts before an effect is parked. Eight by default: with the default waits, within two hours.
    pub attempts: u32,
    /// The wait after the first attempt; it doubles with each further one, and half of it is random.
    pub first_wait: Duration,
    /// The longest wait between attempts.
    pub longest_wait: Duration,
    /// How long a claim lasts. It must be longer than [`Receiver::perform`](crate::Receiver::perform)
    /// takes at worst, its timeout included.
    pub lease: Duration,
    /// Over how many partitions a lane is spread. A partition takes 1,000 writes a second, and an effect
    /// needs three. It may grow while effects are pending and must not shrink.
    pub shards: u8,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 8,
            first_wait: Duration::from_secs(30),
            longest_wait: Duration::from_secs(1_800),
            lease: Duration::from_secs(60),
            shards: 4,
        }
    }
}

impl Policy {
    /// The wait after so many attempts, in milliseconds: half of it fixed, half by `random`, so that
    /// what failed together does not come back together.
    pub(crate) fn wait_millis(&self, attempts: u32, random: u64) -> u64 {
        let doublings = attempts.saturating_sub(1).min(32);
        let whole = millis(self.first_wait).saturating_mul(1 << doublings);
        let whole = whole.min(millis(self.longest_wait)).max(1);
        whole / 2 + random % (whole / 2 + 1)
    }

    pub(crate) fn shard_of(&self, id: &str) -> u8 {
        // FNV-1a: all workers and releases must agree, which a hasher of the standard library does not
        // promise.
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        u8::try_from(hash % u64::from(self.shards.max(1))).unwrap_or_default()
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_bounds() {
        let policy = Policy::default();
        for (attempts, least, most) in [
            (1, 15_000, 30_000),
            (2, 30_000, 60_000),
            (7, 900_000, 1_800_000),
            (99, 900_000, 1_800_000),
        ] {
            for random in [0, 1, u64::MAX] {
                let wait = policy.wait_millis(attempts, random);
                assert!((least..=most).contains(&wait), "{attempts}: {wait}");
            }
        }
        let none = Policy { first_wait: Duration::ZERO, ..policy };
        assert!(none.wait_millis(3, 7) <= 1);
    }

    #[test]
    fn ids_are_spread_over_the_shards() {
        let policy = Policy::default();
        let mut counts = [0; 4];
        for id in 0..1_000 {
            counts[usize::from(policy.shard_of(&format!("certificate-{id}")))] += 1;
        }
        assert!(counts.iter().all(|count| (150..400).contains(count)), "{counts:?}");
        assert_eq!(Policy { shards: 0, ..policy }.shard_of("a"), 0);
    }
}
