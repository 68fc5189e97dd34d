//! Lanes: moves on the boards of a scope wait in several queues, so that no item and no partition
//! is everybody's.

use super::Scope;
use crate::UserId;

/// How many lanes a scope has. A lane takes about 4,000 write units a second over their number, so
/// eight take a thousand improvements a second.
pub const LANES: u8 = 8;

/// One of the lanes of a scope.
///
/// A user always has the same one, and their moves are counted in order. So the counters of a lane are
/// those of its users, and none is ever negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(u8);

impl Lane {
    /// The lane of a user.
    pub fn of(user_id: UserId) -> Self {
        // SplitMix64 (Steele, Lea, Flood 2014): ids that follow each other get lanes that do not.
        let mut bits = user_id.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        Self(u8::try_from(bits % u64::from(LANES)).unwrap_or_default())
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0..LANES).map(Self)
    }

    /// Its number, from 0.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// A lane of a scope: where moves wait to be counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeLane {
    /// The scope.
    pub scope: Scope,
    /// One of its lanes.
    pub lane: Lane,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_spread_evenly_and_for_ever() {
        let mut users = [0_u32; LANES as usize];
        for id in 1..=80_000 {
            users[usize::from(Lane::of(UserId::new(id).unwrap()).get())] += 1;
        }
        assert!(users.iter().all(|users| (9_500..=10_500).contains(users)), "{users:?}");
        // Counters depend on it: another function would need a recount of every board.
        let lanes = [1, 42, 279_058_397].map(|id| Lane::of(UserId::new(id).unwrap()).get());
        assert_eq!(lanes, [1, 5, 5]);
    }
}
