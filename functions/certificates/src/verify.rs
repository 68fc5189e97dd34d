//! Verification, for whoever has no software for it.

use axum::extract::State;
use minigate_credentials::{Badge, Reject, verify};
use minigate_domain::certificates::{Certificate, Standing};
use minigate_platform::{
    Code, Platform, Problem,
    extract::{ClientAddress, Json, PublicUrl, Service, TextBody},
    limits::{Charge, RateLimits},
    schemas,
};
use minigate_service::certificates::Certificates;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    CERTIFICATE_ALTERED, CERTIFICATE_EXPIRED, CERTIFICATE_KEY_UNKNOWN, CERTIFICATE_OF_OTHER_ISSUER,
    VERIFY_CERTIFICATE, not_found, read, signing, words::percent,
};

const JSON: [&str; 3] = ["application/json", "application/vc", "application/ld+json"];
const JWT: [&str; 2] = ["application/vc+jwt", "application/jwt"];

/// Verifies a certificate of this deployment, and says what it certifies.
///
/// Send it as it was handed over: JSON with its embedded proof, or a `vc+jwt`. The answer is 200 if it is good
/// at this moment; otherwise a problem whose code is the reason: `certificate_of_other_issuer`,
/// `certificate_key_unknown`, `certificate_altered`, `certificate_not_found`, `certificate_revoked` or
/// `certificate_expired`, the first that applies.
#[utoipa::path(
    post, path = "/v1/certificates/verify", tag = "certificates",
    request_body(content(
        (Object = "application/json"), (Object = "application/vc"), (Object = "application/ld+json"),
        (schemas::SignedCredential = "application/vc+jwt"), (schemas::SignedCredential = "application/jwt"),
    )),
    security(()),
    responses(
        (status = 200, description = "The certificate is good", body = VerifiedOut),
        (status = 404, description = "It was signed here, but there is no such certificate"),
        (status = 410, description = "It was revoked"),
        (status = 422, description = "It is not good, or no certificate: `code` says why"),
    ),
)]
pub(crate) async fn verify_certificate(
    State(platform): State<Platform>,
    limits: RateLimits,
    address: ClientAddress,
    Service(certificates): Service<Certificates>,
    PublicUrl(base): PublicUrl,
    body: TextBody,
) -> Result<Json<VerifiedOut>, Problem> {
    limits.admit(&[Charge::address(&VERIFY_CERTIFICATE, address)]).await?;
    let text = certificate_in(&body)?;
    let badge = verified(&platform, &certificates, &base, text).await?;
    let id = badge.id.rsplit('/').next().and_then(|id| id.parse().ok()).ok_or_else(not_found)?;
    let stored = platform.store.certificate(id).await?.ok_or_else(not_found)?;
    match stored.certificate.standing(platform.now()) {
        Standing::Valid | Standing::RenewalDue => {
            Ok(Json(VerifiedOut::of(badge, &stored.certificate)))
        }
        Standing::Revoked => Err(read::revoked(&stored.certificate)),
        Standing::Expired => Err(Problem::new(CERTIFICATE_EXPIRED)),
    }
}

/// The certificate in a body, which must be what its media type says.
fn certificate_in(body: &TextBody) -> Result<&str, Problem> {
    let media_type = &*body.media_type;
    if JSON.contains(&media_type) {
        let json: Result<serde_json::Value, _> = serde_json::from_str(&body.text);
        let json = json.map_err(|error| {
            Problem::new(Code::BODY_MALFORMED).detail(format!("The body is not JSON: {error}."))
        })?;
        if !json.is_object() {
            return Err(Problem::new(Code::BODY_INVALID).field(".", "must be an object"));
        }
        Ok(&body.text)
    } else if JWT.contains(&media_type) {
        let text = body.text.trim();
        if text.starts_with('{') {
            return Err(Problem::new(Code::BODY_INVALID).field(".", "must be a `vc+jwt`"));
        }
        Ok(text)
    } else {
        Err(Problem::new(Code::UNSUPPORTED_MEDIA_TYPE)
            .detail("The body must be JSON or a vc+jwt.")
            .field("content-type", "must be `application/json` or `application/vc+jwt`"))
    }
}

/// The badge, if this deployment has signed it.
async fn verified(
    platform: &Platform,
    certificates: &Certificates,
    base: &str,
    text: &str,
) -> Result<Badge, Problem> {
    let issuer = signing::issuer(platform, base)?;
    let keys = signing::public_keys(platform, &certificates.keys().await?).await;
    let mut outcome = verify(text, &issuer, &keys);
    if outcome == Err(Reject::UnknownKey) {
        // Another instance may have signed with a new one a moment ago.
        let keys = signing::public_keys(platform, &certificates.newest_keys().await?).await;
        outcome = verify(text, &issuer, &keys);
    }
    outcome.map_err(|reject| match reject {
        Reject::Malformed { field, expected } => {
            Problem::new(Code::BODY_INVALID).field(field, expected)
        }
        Reject::OtherIssuer => Problem::new(CERTIFICATE_OF_OTHER_ISSUER)
            .field("issuer", format!("must be {}", issuer.id)),
        Reject::UnknownKey => Problem::new(CERTIFICATE_KEY_UNKNOWN),
        Reject::Altered => Problem::new(CERTIFICATE_ALTERED),
    })
}

/// A certificate that is good. Times are in Unix seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct VerifiedOut {
    /// The certificate.
    #[schema(value_type = schemas::CertificateId)]
    id: String,
    /// Its address.
    #[schema(max_length = 512)]
    url: String,
    /// What was passed.
    #[schema(max_length = 200)]
    title: String,
    /// The name of the holder on it, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, max_length = 64)]
    holder_name: Option<String>,
    /// The score in per cent, a decimal number.
    #[schema(max_length = 6)]
    score: String,
    /// When it was issued.
    issued_at: u64,
    /// When it ends; never, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    expires_at: Option<u64>,
}

impl VerifiedOut {
    fn of(badge: Badge, certificate: &Certificate) -> Self {
        Self {
            id: certificate.id.to_string(),
            url: badge.id,
            title: badge.achievement.name,
            holder_name: badge.holder_name,
            score: percent(certificate.score),
            issued_at: badge.valid_from,
            expires_at: badge.valid_until,
        }
    }
}
