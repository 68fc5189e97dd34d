//! Black-box tests of minigate over HTTP.
