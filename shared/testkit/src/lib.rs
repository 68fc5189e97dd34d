//! Fakes, embedded AWS and fault injection for the tests of minigate.
