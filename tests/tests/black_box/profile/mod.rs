//! `/v1/me`.

mod change;
mod erasure;
mod export;
mod if_match;
mod read;
mod validation;
