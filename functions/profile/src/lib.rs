//! The profile function of minigate.
