//! What all routes share.

mod bodies;
mod cors;
mod edge;
mod headers;
mod rate_limit;
mod routes;
