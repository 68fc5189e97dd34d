//! `/v1/me`.

mod change;
mod export;
mod if_match;
mod read;
mod validation;
