//! What a noun does as one operation, a folder for each noun that needs it: the write, its
//! invalidation on other instances and its audit record. Handlers and extractors call these, and never
//! what [`minigate_store`] has for the service only, so that none of them can forget a step.
//!
//! | service | what it owns |
//! |---|---|
//! | [`accounts`] | profiles, sessions and tiers of users, and the memory of them |
//!
//! This crate knows neither HTTP nor the wire: its outcomes are values, which the platform and the
//! handlers answer, and its errors are what nobody can do anything about but try later.

pub mod accounts;
mod background;
mod context;

pub use background::{Background, WorkPanicked};
pub use context::{Context, Service};
