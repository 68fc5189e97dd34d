//! What a deployment cannot be asked: how the API does with other settings, several instances, or an
//! AWS that fails. `cargo xtask deploy-test` leaves out every test that has `local_only::` in its name;
//! a few are in a module of that name in the file of their subject.

mod attempts;
mod cache;
mod edge;
mod faults;
mod limits;
mod one_time_use;
mod rate_limit;
