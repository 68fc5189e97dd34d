//! Limits that hold over all instances.

mod changes;
mod login;
mod without_store;
