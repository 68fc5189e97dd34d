//! A certificate in its four forms.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use minigate_credentials::{date, json_of_jwt};
use minigate_domain::certificates::Certificate;
use minigate_platform::{
    Code, Platform, Problem,
    extract::{Path, PublicUrl, Query, Service},
    public::{self, Document, Freshness, IfNoneMatch},
    schemas,
};
use minigate_service::certificates::Certificates;

use crate::{
    CERTIFICATE_REVOKED, badge, certificate_id, content::Form, not_found, page, picture, signing,
};

/// A revocation shows everywhere after this.
const FRESHNESS: Freshness = Freshness {
    fresh: Duration::from_secs(60),
    while_revalidating: Duration::from_secs(60),
    if_error: Duration::from_secs(60 * 60),
};

/// Returns a certificate: signed JSON, a signed token, a page or a picture.
///
/// The form is that of the parameter `format`, otherwise that which `Accept` prefers. The page and the picture of
/// a revoked certificate say so; its signed forms are answered 410.
#[utoipa::path(
    get, path = "/v1/certificates/{id}", tag = "certificates",
    params(
        ("id" = schemas::CertificateId, Path, description = "The certificate"),
        ("format" = Option<schemas::CertificateFormat>, Query, description = "The form, instead of that of `Accept`"),
        ("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "Entity tags of cached forms; a match is answered 304"),
    ),
    security(()),
    responses(
        (status = 200, description = "The certificate, an Open Badge (Open Badges 3.0)", headers(("ETag" = String), ("Cache-Control" = String)), content(
            (Object = "application/json"), (Object = "application/vc"), (Object = "application/ld+json"),
            (schemas::SignedCredential = "application/vc+jwt"), (schemas::SignedCredential = "application/jwt"),
            (schemas::Markup = "text/html"), (schemas::Markup = "image/svg+xml"),
        )),
        (status = 304, description = "The cached form is current", headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 404, description = "There is no such certificate"),
        (status = 410, description = "The certificate was revoked, and a signed form was asked for"),
    ),
)]
pub(crate) async fn read_certificate(
    State(platform): State<Platform>,
    Service(certificates): Service<Certificates>,
    PublicUrl(base): PublicUrl,
    Path(id): Path<String>,
    query: Query,
    headers: HeaderMap,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let id = certificate_id(&id)?;
    let [format] = query.optional(["format"])?;
    let form = Form::wanted(format.as_deref(), &headers)?;
    let found = signing::signed(&platform, &certificates, &base, id).await?;
    let (certificate, jws) = found.ok_or_else(not_found)?;
    let issuer = &*platform.config.issuer_name;
    let (address, now) = (badge::address(&base, id), platform.now());
    let text = match form {
        Form::Html => page::page(&certificate, issuer, &address, now),
        Form::Svg => picture::picture(&certificate, issuer, &address, now),
        Form::Json(_) | Form::Jwt(_) if certificate.revoked.is_some() => {
            return Err(revoked(&certificate));
        }
        Form::Json(_) => json_of_jwt(&jws).ok_or_else(|| Problem::new(Code::INTERNAL_ERROR))?,
        Form::Jwt(_) => jws,
    };
    let document = Document::new(text);
    let mut response = public::answer(&document, form.media_type(), FRESHNESS, &if_none_match);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    if form == Form::Html {
        public::allow_style(&mut response, page::STYLE);
    }
    Ok(response)
}

/// That a certificate was revoked, and when.
pub(crate) fn revoked(certificate: &Certificate) -> Problem {
    let problem = Problem::new(CERTIFICATE_REVOKED);
    match &certificate.revoked {
        Some(revocation) => {
            let day = date(revocation.at.unix_seconds());
            problem.detail(format!("The certificate was revoked on {day}."))
        }
        None => problem,
    }
}
