//! What clients need to work with this API: the public keys of its tokens, and the API reference.
//!
//! | route | who | store calls |
//! |---|---|---|
//! | `GET /.well-known/jwks.json` | anyone | none |
//! | `GET /openapi.json` | anyone | none |
//!
//! Both are cacheable and answer conditional requests with 304. The keys come from the cache's namespace
//! `jwks`, which lives in memory only.

use std::{sync::LazyLock, time::Duration};

use axum::{extract::State, response::Response};
use minigate_platform::{
    Function, Needs, Platform, Problem, Router,
    public::{self, Document, Freshness, IfNoneMatch},
    schemas,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

/// How long caches may keep the keys. They stay valid while the API is down.
const KEYS: Freshness = Freshness {
    fresh: Duration::from_secs(60),
    while_revalidating: Duration::from_secs(60),
    if_error: Duration::from_secs(24 * 60 * 60),
};

/// The reference changes only with a deployment.
const REFERENCE: Freshness = Freshness {
    fresh: Duration::from_secs(5 * 60),
    while_revalidating: Duration::from_secs(60 * 60),
    if_error: Duration::from_secs(24 * 60 * 60),
};

/// Committed, because a function does not know the routes of the others; a test compares it with the
/// code.
static DOCUMENT: LazyLock<Document> =
    LazyLock::new(|| Document::new(include_str!("../../../docs/openapi.json")));

/// The function, as its `main` runs it and `cargo dev` serves it.
pub fn function() -> Function {
    Function::routes("keys", router, Needs::SIGNING_KEY)
}

/// The routes of this function.
pub fn router() -> Router {
    Router::new().routes(routes!(jwks)).routes(routes!(reference))
}

/// Returns the public keys that verify access tokens.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "keys", operation_id = "read_keys",
    params(("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "Entity tags of cached keys; a match is answered 304")),
    security(()),
    responses(
        (status = 200, description = "The keys", body = JwkSet, headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The cached keys are current", headers(("ETag" = String), ("Cache-Control" = String))),
    ),
)]
async fn jwks(
    State(platform): State<Platform>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let keys = platform.caches.jwks.get().await?;
    Ok(public::answer(&keys, "application/json", KEYS, &if_none_match))
}

/// Returns this API reference.
#[utoipa::path(
    get, path = "/openapi.json", tag = "keys", operation_id = "read_reference",
    params(("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "Entity tags of cached references; a match is answered 304")),
    security(()),
    responses(
        (status = 200, description = "The API reference, OpenAPI 3.1", body = Object, headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The cached reference is current", headers(("ETag" = String), ("Cache-Control" = String))),
    ),
)]
async fn reference(if_none_match: IfNoneMatch) -> Response {
    public::answer(&DOCUMENT, "application/json", REFERENCE, &if_none_match)
}

/// A JWK set (RFC 7517).
#[derive(Serialize, ToSchema)]
struct JwkSet {
    /// The present signing key and the previous one.
    keys: Vec<Jwk>,
}

/// An Ed25519 public key (RFC 8037).
#[derive(Serialize, ToSchema)]
struct Jwk {
    /// Always `OKP`.
    #[schema(pattern = "^OKP$", max_length = 3)]
    kty: String,
    /// Always `Ed25519`.
    #[schema(pattern = "^Ed25519$", max_length = 7)]
    crv: String,
    /// Always `EdDSA`.
    #[schema(pattern = "^EdDSA$", max_length = 5)]
    alg: String,
    /// Always `sig`.
    #[schema(pattern = "^sig$", max_length = 3)]
    r#use: String,
    /// The key id, as in the header of a token.
    #[schema(min_length = 1, max_length = 64)]
    kid: String,
    /// The public key, in unpadded base64url.
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$", max_length = 43)]
    x: String,
}
