//! What verifiers need besides a certificate: the keys of the issuer, and which certificates were revoked.

use std::time::Duration;

use axum::{extract::State, response::Response};
use minigate_credentials::StatusList;
use minigate_platform::{
    Code, Platform, Problem,
    extract::{Path, PublicUrl, Service},
    public::{self, Document, Freshness, IfNoneMatch},
    schemas,
};
use minigate_service::certificates::Certificates;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{STATUS_LIST_NOT_FOUND, badge, signing};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR_SECONDS: u64 = 60 * 60;
const DAY_SECONDS: u64 = 24 * HOUR_SECONDS;

/// Keys stay valid while the API is down.
const KEYS: Freshness = Freshness {
    fresh: MINUTE,
    while_revalidating: MINUTE,
    if_error: Duration::from_secs(DAY_SECONDS),
};

/// A list says by itself that it is good for a day.
const LIST: Freshness = Freshness {
    fresh: MINUTE,
    while_revalidating: MINUTE,
    if_error: Duration::from_secs(12 * HOUR_SECONDS),
};

/// Returns a status list: which of its certificates were revoked (Bitstring Status List 1.0).
#[utoipa::path(
    get, path = "/v1/certificates/status/{list}", tag = "certificates",
    params(
        ("list" = schemas::StatusList, Path, description = "The number of the list"),
        ("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "Entity tags of cached lists; a match is answered 304"),
    ),
    security(()),
    responses(
        (status = 200, description = "The list, a signed credential", headers(("ETag" = String), ("Cache-Control" = String)), content((schemas::SignedCredential = "application/vc+jwt"))),
        (status = 304, description = "The cached list is current", headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 404, description = "There is no such list"),
    ),
)]
pub(crate) async fn read_status_list(
    State(platform): State<Platform>,
    Service(certificates): Service<Certificates>,
    PublicUrl(base): PublicUrl,
    Path(list): Path<String>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let list = list.parse().map_err(|_| {
        Problem::new(Code::PATH_INVALID).field("list", "must be the number of a status list")
    })?;
    let revoked = certificates.revoked_in(list).await?;
    let revoked = revoked.ok_or_else(|| Problem::new(STATUS_LIST_NOT_FOUND))?;
    let issuer = signing::issuer(&platform, &base)?;
    let key = signing::key(&platform, &certificates).await?;
    // From the full hour, so that a list which does not change has the same bytes for an hour.
    let from = platform.now().unix_seconds() / HOUR_SECONDS * HOUR_SECONDS;
    let address = badge::list_address(&base, list);
    let signed = StatusList::revoking(revoked.iter().copied());
    let signed = signed.sign(&address, &issuer, &key, from, from + DAY_SECONDS);
    Ok(public::answer(&Document::new(signed), "application/vc+jwt", LIST, &if_none_match))
}

/// Returns the DID document of the issuer of certificates: every key that has ever signed one.
#[utoipa::path(
    get, path = "/.well-known/did.json", tag = "certificates",
    params(("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "Entity tags of cached documents; a match is answered 304")),
    security(()),
    responses(
        (status = 200, description = "The document (did:web)", body = DidDocument, headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The cached document is current", headers(("ETag" = String), ("Cache-Control" = String))),
    ),
)]
pub(crate) async fn read_did(
    State(platform): State<Platform>,
    Service(certificates): Service<Certificates>,
    PublicUrl(base): PublicUrl,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    did(&platform, &certificates, &base, &if_none_match).await
}

/// Returns the same document, where a DID with a path is resolved: API Gateway's own domain has the stage as a
/// path.
#[utoipa::path(
    get, path = "/did.json", tag = "certificates",
    params(("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "Entity tags of cached documents; a match is answered 304")),
    security(()),
    responses(
        (status = 200, description = "The document (did:web)", body = DidDocument, headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The cached document is current", headers(("ETag" = String), ("Cache-Control" = String))),
    ),
)]
pub(crate) async fn read_did_of_stage(
    State(platform): State<Platform>,
    Service(certificates): Service<Certificates>,
    PublicUrl(base): PublicUrl,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    did(&platform, &certificates, &base, &if_none_match).await
}

async fn did(
    platform: &Platform,
    certificates: &Certificates,
    base: &str,
    if_none_match: &IfNoneMatch,
) -> Result<Response, Problem> {
    let recorded = certificates.keys().await?;
    let keys = signing::public_keys(platform, &recorded).await;
    let document = signing::issuer(platform, base)?.document(&keys).to_string();
    Ok(public::answer(&Document::new(document), "application/json", KEYS, if_none_match))
}

/// A DID document (DID Core 1.0), for the API reference.
#[derive(Serialize, ToSchema)]
struct DidDocument {
    /// The DID, a `did:web`.
    #[schema(max_length = 512)]
    id: String,
    /// The names of the keys that may sign certificates.
    #[serde(rename = "assertionMethod")]
    #[schema(value_type = Vec<schemas::DidUrl>)]
    assertion_method: Vec<String>,
    /// The keys, each as a `Multikey` and as a `JsonWebKey`.
    #[serde(rename = "verificationMethod")]
    #[schema(value_type = Vec<Object>)]
    verification_method: Vec<Value>,
}
