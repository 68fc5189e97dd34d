//! `/v1/me`.

mod change;
mod if_match;
mod read;
mod validation;
