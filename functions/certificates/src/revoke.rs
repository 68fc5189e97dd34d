//! Revocation, by administrators.

use minigate_platform::{
    Code, Problem,
    auth::LiveAdmin,
    extract::{Json, Path, Query, Service},
    schemas,
};
use minigate_service::certificates::{Certificates, RevokeCertificate};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{certificate_id, not_found};

const MAX_REASON_CHARS: usize = 200;

/// Revokes a certificate, for good.
///
/// Its address stays and says so, and its status list does within a minute. What was revoked before keeps its
/// first reason. The reason is for the holder and for administrators; it is recorded in the audit log.
#[utoipa::path(
    delete, path = "/v1/certificates/{id}", tag = "certificates",
    params(
        ("id" = schemas::CertificateId, Path, description = "The certificate"),
        ("reason" = String, Query, description = "Why, in one line", min_length = 1, max_length = 200),
    ),
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 200, description = "The certificate is revoked", body = RevocationOut),
        (status = 404, description = "There is no such certificate"),
    ),
)]
pub(crate) async fn revoke_certificate(
    LiveAdmin(admin): LiveAdmin,
    Service(certificates): Service<Certificates>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<RevocationOut>, Problem> {
    let id = certificate_id(&id)?;
    let (_, reason) = query.one_of(&["reason"])?;
    let reason = reason.trim().to_owned();
    let length = reason.chars().count();
    if !(1..=MAX_REASON_CHARS).contains(&length) || reason.chars().any(char::is_control) {
        return Err(Problem::new(Code::QUERY_INVALID)
            .field("reason", "must be 1 to 200 characters without control characters"));
    }
    match certificates.revoke(id, reason, admin.id).await? {
        RevokeCertificate::Revoked(certificate)
        | RevokeCertificate::AlreadyRevoked(certificate) => {
            let revocation = certificate.revoked.ok_or_else(not_found)?;
            Ok(Json(RevocationOut {
                id: id.to_string(),
                revoked_at: revocation.at.unix_seconds(),
                reason: revocation.reason,
            }))
        }
        RevokeCertificate::NotFound => Err(not_found()),
    }
}

/// A revocation. Times are in Unix seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevocationOut {
    /// The certificate.
    #[schema(value_type = schemas::CertificateId)]
    id: String,
    /// When it was revoked.
    revoked_at: u64,
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
}
