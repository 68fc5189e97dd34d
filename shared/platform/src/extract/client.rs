//! The origin of a request: address, device and API key.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv6Addr},
};

use axum::{
    extract::FromRequestParts,
    http::{Extensions, header, request::Parts},
};
use lambda_http::{RequestExt, request::RequestContext};
use minigate_domain::Origin;

/// The network address of the client. A value among the request's extensions (from the edge, or from the
/// accepted connection) overrides that of API Gateway. It never comes from a header that a client can
/// write, such as `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// The address of the client behind a request with these extensions.
    pub fn of(extensions: &Extensions) -> Self {
        let from_gateway = match extensions.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.identity.source_ip.as_deref(),
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            _ => None,
        };
        let from_gateway = || from_gateway.and_then(|text| text.parse().ok());
        let address = extensions.get::<Self>().and_then(|known| known.0).or_else(from_gateway);
        Self(address.map(|address: IpAddr| address.to_canonical()))
    }

    /// The unit that limits count: an IPv4 address, or an IPv6 /64, as a household or a server usually has.
    pub fn network(self) -> Option<IpAddr> {
        self.0.map(|address| match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// The id of a machine client's API key, which API Gateway has checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyId(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for ApiKeyId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(match parts.extensions.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.identity.api_key_id.clone(),
            _ => None,
        }))
    }
}

/// Device and address of the client, for the user's list of sessions.
#[derive(Clone, Debug)]
pub struct ClientOrigin(pub Origin);

impl<S: Send + Sync> FromRequestParts<S> for ClientOrigin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let ClientAddress(address) = ClientAddress::of(&parts.extensions);
        let address = address.map(|address| address.to_string()).unwrap_or_default();
        Ok(Self(Origin::new(agent.unwrap_or_default(), address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let network = |text: &str| ClientAddress(Some(text.parse().unwrap())).network();
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(ClientAddress(None).network(), None);
    }
}
