//! A user's own certificates.

use std::collections::HashSet;

use axum::extract::State;
use minigate_domain::{
    DisplayName, Timestamp, UserId,
    certificates::{Certificate, Standing},
};
use minigate_platform::{
    Code, Platform, Problem,
    auth::{LiveUser, User},
    extract::{Json, Path, PublicUrl, Query},
    limits::{Charge, RateLimits},
    schemas,
};
use minigate_store::NameOutcome;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{NAME_CERTIFICATE, badge, certificate_id, not_found, read, words::percent};

/// Lists the user's certificates, newest first, with the dates on which they are due for renewal.
#[utoipa::path(
    get, path = "/v1/me/certificates", tag = "certificates",
    params(("cursor" = Option<schemas::CertificateCursor>, Query, description = "The `next` of the page before")),
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses((status = 200, description = "A page of certificates", body = CertificatesOut)),
)]
pub(crate) async fn list_certificates(
    State(platform): State<Platform>,
    LiveUser(user): LiveUser,
    PublicUrl(base): PublicUrl,
    query: Query,
) -> Result<Json<CertificatesOut>, Problem> {
    let [cursor] = query.optional(["cursor"])?;
    let cursor = cursor.map(|text| text.parse()).transpose().map_err(|_| {
        Problem::new(Code::QUERY_INVALID).field("cursor", "must be the `next` of the page before")
    })?;
    let page = platform.store.certificates_of(user.id, cursor).await?;
    let now = platform.now();
    let mut renewed = HashSet::new();
    let certificates = page.certificates.into_iter().map(|certificate| {
        // Newest first: what is good and comes later in the list was renewed by this one.
        let is_renewed = renewed.contains(&certificate.quiz);
        let standing = certificate.standing(now);
        if matches!(standing, Standing::Valid | Standing::RenewalDue) {
            renewed.insert(certificate.quiz.clone());
        }
        CertificateOut::of(certificate, &base, now, is_renewed)
    });
    let certificates = certificates.collect();
    Ok(Json(CertificatesOut { certificates, next: page.next.map(|next| next.to_string()) }))
}

/// Puts a name on one of the user's certificates.
///
/// It is then public. The certificate is signed anew, under the same id and from the same date.
#[utoipa::path(
    put, path = "/v1/me/certificates/{id}/name", tag = "certificates",
    params(("id" = schemas::CertificateId, Path, description = "The certificate")),
    request_body = NameIn,
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 200, description = "The certificate with the name", body = CertificateOut),
        (status = 404, description = "The user has no such certificate"),
        (status = 410, description = "The certificate was revoked"),
    ),
)]
pub(crate) async fn name_certificate(
    State(platform): State<Platform>,
    LiveUser(user): LiveUser,
    limits: RateLimits,
    PublicUrl(base): PublicUrl,
    Path(id): Path<String>,
    Json(body): Json<NameIn>,
) -> Result<Json<CertificateOut>, Problem> {
    let name: DisplayName = body.name.parse().map_err(|error| {
        Problem::new(Code::BODY_INVALID).field("name", format!("must be {error}"))
    })?;
    change_name(&platform, &limits, &user, &base, &id, Some(&name)).await
}

/// Takes the name off one of the user's certificates.
///
/// The certificate is then signed anew, without it. Copies that have the name are where the user has put them.
#[utoipa::path(
    delete, path = "/v1/me/certificates/{id}/name", tag = "certificates",
    params(("id" = schemas::CertificateId, Path, description = "The certificate")),
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 200, description = "The certificate without a name", body = CertificateOut),
        (status = 404, description = "The user has no such certificate"),
        (status = 410, description = "The certificate was revoked"),
    ),
)]
pub(crate) async fn unname_certificate(
    State(platform): State<Platform>,
    LiveUser(user): LiveUser,
    limits: RateLimits,
    PublicUrl(base): PublicUrl,
    Path(id): Path<String>,
) -> Result<Json<CertificateOut>, Problem> {
    change_name(&platform, &limits, &user, &base, &id, None).await
}

async fn change_name(
    platform: &Platform,
    limits: &RateLimits,
    user: &User,
    base: &str,
    id: &str,
    name: Option<&DisplayName>,
) -> Result<Json<CertificateOut>, Problem> {
    let (id, holder): (_, UserId) = (certificate_id(id)?, user.id);
    limits.admit(&[Charge::user(&NAME_CERTIFICATE, user.id, user.tier)]).await?;
    match platform.store.name_certificate(id, holder, name).await? {
        NameOutcome::Named(stored) => {
            Ok(Json(CertificateOut::of(stored.certificate, base, platform.now(), false)))
        }
        NameOutcome::NotFound => Err(not_found()),
        NameOutcome::Revoked(certificate) => Err(read::revoked(&certificate)),
    }
}

/// The name on a certificate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameIn {
    /// The name, as others should read it.
    #[schema(value_type = schemas::DisplayName)]
    name: String,
}

/// A page of certificates.
#[derive(Serialize, ToSchema)]
pub(crate) struct CertificatesOut {
    /// The certificates, newest first.
    #[schema(max_items = 50)]
    certificates: Vec<CertificateOut>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, value_type = schemas::CertificateCursor)]
    next: Option<String>,
}

/// A certificate, as its holder sees it. Times are in Unix seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct CertificateOut {
    /// Its id.
    #[schema(value_type = schemas::CertificateId)]
    id: String,
    /// Its address, to be handed around.
    #[schema(max_length = 512)]
    url: String,
    /// The quiz.
    #[schema(max_length = 40)]
    quiz: String,
    /// The version of the quiz.
    #[schema(minimum = 1, maximum = 9999)]
    version: u32,
    /// The title of that version.
    #[schema(max_length = 200)]
    title: String,
    /// The score in per cent, a decimal number.
    #[schema(max_length = 6)]
    score: String,
    /// What it is worth now.
    status: StatusOut,
    /// When it was issued.
    issued_at: u64,
    /// From when on it may be renewed; absent if it does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    renewable_from: Option<u64>,
    /// When it ends; absent if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    expires_at: Option<u64>,
    /// The name on it, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, value_type = schemas::DisplayName)]
    name: Option<String>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    revoked_at: Option<u64>,
    /// Why it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, max_length = 200)]
    revoked_because: Option<String>,
}

/// What a certificate is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StatusOut {
    /// It is good, and need not be renewed yet.
    Valid,
    /// It is good, and may be renewed.
    RenewalDue,
    /// It has ended.
    Expired,
    /// It was revoked.
    Revoked,
}

impl CertificateOut {
    fn of(certificate: Certificate, base: &str, now: Timestamp, is_renewed: bool) -> Self {
        let status = match certificate.standing(now) {
            Standing::RenewalDue if !is_renewed => StatusOut::RenewalDue,
            Standing::Valid | Standing::RenewalDue => StatusOut::Valid,
            Standing::Expired => StatusOut::Expired,
            Standing::Revoked => StatusOut::Revoked,
        };
        let (revoked_at, revoked_because) = match certificate.revoked {
            Some(revocation) => (Some(revocation.at.unix_seconds()), Some(revocation.reason)),
            None => (None, None),
        };
        Self {
            id: certificate.id.to_string(),
            url: badge::address(base, certificate.id),
            quiz: certificate.quiz.to_string(),
            version: certificate.version.get(),
            title: certificate.title,
            score: percent(certificate.score),
            status,
            issued_at: certificate.issued_at.unix_seconds(),
            renewable_from: certificate.renewable_from.map(Timestamp::unix_seconds),
            expires_at: certificate.expires_at.map(Timestamp::unix_seconds),
            name: certificate.name.map(|name| name.as_str().to_owned()),
            revoked_at,
            revoked_because,
        }
    }
}
