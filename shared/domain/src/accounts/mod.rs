//! An account: what belongs to one user and is read together.

mod tier;

pub use tier::{InvalidTier, Tier};
