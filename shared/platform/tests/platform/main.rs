//! The platform on an embedded AWS, with a clock that the tests move and faults on the way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bed;
mod caches;
mod jwks;
mod lambda;
mod layers;
mod limits;
mod outbound;
mod roles;
mod secrets;
mod settings;
mod workers;
