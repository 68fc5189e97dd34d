//! Where clients reach the API.

use axum::{extract::FromRequestParts, http::request::Parts};
use lambda_http::{RequestExt, request::RequestContext};
use thiserror::Error;

use crate::{Platform, Problem};

/// Where clients reach the API, without a slash at the end: what the deployment says, otherwise what API
/// Gateway does. It never comes from a header, which a client can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(pub String);

#[derive(Debug, Error)]
#[error("MINIGATE_PUBLIC_URL is not set, and the request did not come through API Gateway")]
struct NoPublicUrl;

impl FromRequestParts<Platform> for PublicUrl {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, platform: &Platform) -> Result<Self, Problem> {
        if let Some(url) = &platform.config.public_url {
            return Ok(Self(url.clone()));
        }
        let of_gateway = match parts.extensions.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => {
                context.domain_name.as_deref().zip(context.stage.as_deref())
            }
            _ => None,
        };
        let (domain, stage) = of_gateway.ok_or_else(|| Problem::internal(NoPublicUrl))?;
        Ok(Self(format!("https://{domain}/{stage}")))
    }
}
