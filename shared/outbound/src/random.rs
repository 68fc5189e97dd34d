//! Jitter. Nothing here is a secret.

use std::sync::{Mutex, PoisonError};

/// A SplitMix64 sequence.
/// Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
#[derive(Debug)]
pub(crate) struct Random(Mutex<u64>);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A number from zero to `most`, both included. Its bias is far below what jitter needs.
pub(crate) const fn up_to(most: u64, random: u64) -> u64 {
    if most == u64::MAX { random } else { random % (most + 1) }
}
