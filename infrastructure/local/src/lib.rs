//! The whole of minigate in one process: cargo dev.
