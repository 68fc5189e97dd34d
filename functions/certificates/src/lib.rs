//! Certificates that the software of others verifies.
//!
//! | route | who | store calls |
//! |---|---|---|
//! | `GET /v1/certificates/{id}` | anyone who knows the id | 1 read; the first time 1 write more, and 1 more the first time that a key signs in a process |
//! | `DELETE /v1/certificates/{id}` | administrators | 1 read, 1 transaction |
//! | `POST /v1/certificates/verify` | anyone | 1 read; 1 query if the keys are not in memory |
//! | `GET /v1/certificates/status/{list}` | anyone | none when warm |
//! | `GET /v1/me/certificates` | the user | 1 query, 1 batch of reads |
//! | `PUT`, `DELETE /v1/me/certificates/{id}/name` | the user | 1 write |
//! | `GET /.well-known/did.json`, `GET /did.json` | anyone | none when warm |
//!
//! A certificate is issued by whoever scores an attempt, without a signature. Only this function has the key:
//! the first reader has the certificate signed, and what was kept first is what every reader gets.
//!
//! A certificate has one address, which answers in four forms by `Accept` or `?format=`. A revoked one keeps
//! its address, and each form says when it was revoked: the page and the picture show it, and the signed
//! forms, in which it cannot stand, are refused with 410. Why, its holder and administrators see.
//!
//! Nobody is named unless they want it: the subject is a random id, and a name appears where its holder puts
//! one. The certificate is then signed anew, under the same id and from the same date; copies from before
//! stay good.
//!
//! `POST /v1/certificates/verify` answers 200 to a certificate that is good now, and otherwise the one reason
//! why not as a problem, so that a status is all that a caller need look at.

mod badge;
mod content;
mod limits;
mod mine;
mod page;
mod picture;
mod published;
mod read;
mod revoke;
mod signing;
mod verify;
mod words;

use axum::http::StatusCode;
use minigate_domain::CertificateId;
use minigate_platform::{Code, Function, Needs, Problem, Router};
use minigate_service::certificates::NAMESPACES;
use utoipa_axum::routes;

pub use self::limits::{LIMITS, NAME_CERTIFICATE, VERIFY_CERTIFICATE};

const CERTIFICATE_NOT_FOUND: Code =
    Code::new("certificate_not_found", StatusCode::NOT_FOUND, "There is no such certificate");
const CERTIFICATE_REVOKED: Code =
    Code::new("certificate_revoked", StatusCode::GONE, "The certificate was revoked");
const CERTIFICATE_EXPIRED: Code = Code::new(
    "certificate_expired",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The certificate has expired",
);
const CERTIFICATE_ALTERED: Code = Code::new(
    "certificate_altered",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The certificate was altered after it was signed",
);
const CERTIFICATE_OF_OTHER_ISSUER: Code = Code::new(
    "certificate_of_other_issuer",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The certificate was issued by somebody else",
);
const CERTIFICATE_KEY_UNKNOWN: Code = Code::new(
    "certificate_key_unknown",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The certificate names a key that was never published",
);
const STATUS_LIST_NOT_FOUND: Code =
    Code::new("status_list_not_found", StatusCode::NOT_FOUND, "There is no such status list");

/// The function, as its `main` runs it and `cargo dev` serves it.
pub fn function() -> Function {
    Function::routes("certificates", router, Needs::ALL.and(Needs::CERTIFICATE_KEY))
        .with_limits(LIMITS)
        .with_namespaces(&NAMESPACES)
        .with_codes(&[
            CERTIFICATE_NOT_FOUND,
            CERTIFICATE_REVOKED,
            CERTIFICATE_EXPIRED,
            CERTIFICATE_ALTERED,
            CERTIFICATE_OF_OTHER_ISSUER,
            CERTIFICATE_KEY_UNKNOWN,
            STATUS_LIST_NOT_FOUND,
        ])
}

/// The routes of this function.
pub fn router() -> Router {
    Router::new()
        .routes(routes!(read::read_certificate, revoke::revoke_certificate))
        .routes(routes!(verify::verify_certificate))
        .routes(routes!(published::read_status_list))
        .routes(routes!(published::read_did))
        .routes(routes!(published::read_did_of_stage))
        .routes(routes!(mine::list_certificates))
        .routes(routes!(mine::name_certificate, mine::unname_certificate))
}

/// The id in a path.
fn certificate_id(text: &str) -> Result<CertificateId, Problem> {
    text.parse().map_err(|_| {
        Problem::new(Code::PATH_INVALID).field("id", "must be 32 lower-case hexadecimal digits")
    })
}

fn not_found() -> Problem {
    Problem::new(CERTIFICATE_NOT_FOUND)
}
