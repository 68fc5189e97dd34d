//! The store on the embedded DynamoDB, over the real SDK, with faults on the way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod bed;
mod cache_counts;
mod policies;
mod profiles;
mod sessions;
mod settings;
mod tiers;
