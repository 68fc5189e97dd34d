//! Chores of minigate.
fn main() {}
