//! What the tests of minigate share: a clock that a test moves, seeded randomness, and a proxy that
//! makes calls to AWS fail.

mod clock;
mod entropy;
pub mod faults;

pub use clock::FakeClock;
pub use entropy::SeededEntropy;
