//! Limits that hold over all instances.

mod changes;
mod login;
mod shared;
mod without_store;
