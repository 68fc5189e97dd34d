//! Randomness as a value.

/// Where random bytes come from. The platform passes the operating system's source in, tests a
/// seeded one.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `buffer` with bytes that nobody can predict.
    fn fill(&self, buffer: &mut [u8]);
}
