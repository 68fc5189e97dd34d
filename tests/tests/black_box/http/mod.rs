//! What all routes share.

mod bodies;
mod cors;
mod headers;
mod routes;
