//! Test helpers of minigate: a fake clock, seeded randomness, a proxy that injects faults into calls to AWS,
//! and a stub of Lambda that runs a function's own binary.

mod clock;
mod entropy;
pub mod faults;
pub mod lambda;

pub use clock::FakeClock;
pub use entropy::SeededEntropy;
