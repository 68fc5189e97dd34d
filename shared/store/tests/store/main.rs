//! The store on the embedded DynamoDB, over the real SDK, with faults on the way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod attempts;
mod audit;
mod bed;
mod cache;
mod certificates;
mod erasure;
mod leaderboards;
mod limits;
mod profile;
mod providers;
mod quizzes;
mod roles;
mod sessions;
mod settings;
