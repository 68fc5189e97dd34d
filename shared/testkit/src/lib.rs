//! Test helpers of minigate: a fake clock and a fake timer, seeded randomness, a proxy that injects faults
//! into calls to AWS, a provider that answers as scripted, and a stub of Lambda that runs a function's own
//! binary.

mod clock;
mod entropy;
pub mod faults;
pub mod lambda;
pub mod provider;
mod timer;

pub use clock::FakeClock;
pub use entropy::SeededEntropy;
pub use timer::FakeTimer;
