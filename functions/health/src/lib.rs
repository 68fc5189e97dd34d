//! The health function of minigate.
