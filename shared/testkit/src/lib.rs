//! What the tests of minigate share: a clock that a test moves, seeded randomness, a proxy that makes
//! calls to AWS fail, and a stub of Lambda that runs a function's own binary.

mod clock;
mod entropy;
pub mod faults;
pub mod lambda;

pub use clock::FakeClock;
pub use entropy::SeededEntropy;
