//! Limits that hold over all instances.

mod shared;
