//! The sessions function of minigate.
