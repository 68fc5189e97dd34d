//! The store on the embedded DynamoDB, over the real SDK, with faults on the way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod audit;
mod bed;
mod cache;
mod erasure;
mod limits;
mod profile;
mod roles;
mod sessions;
mod settings;
