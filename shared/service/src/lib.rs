//! What a noun does as one operation, a folder for each noun that needs it: the write, its
//! invalidation on other instances and its audit record. Handlers and extractors call these, and never
//! what [`minigate_store`] has for the service only, so that none of them can forget a step.
//!
//! | service | what it owns |
//! |---|---|
//! | [`leaderboards`] | lists of the best, a user's own place, and when moves are counted |
//! | [`accounts`] | profiles, sessions and tiers of users, and the memory of them |
//! | [`attempts`] | attempts at quizzes, and who scores them |
//! | [`quizzes`] | quizzes: what everybody reads, from memory, and what authors change |
//! | [`certificates`] | the public keys of certificates, status lists and revocation |
//!
//! This crate knows neither HTTP nor the wire: its outcomes are values, which the platform and the
//! handlers answer, and its errors are what nobody can do anything about but try later.

pub mod accounts;
pub mod attempts;
mod background;
pub mod certificates;
mod context;
pub mod leaderboards;
pub mod quizzes;

pub use background::{Background, WorkPanicked};
pub use context::{Context, Service};
