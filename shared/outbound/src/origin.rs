//! Where a provider is.

use std::net::IpAddr;

use http::{Uri, uri::Scheme};
use thiserror::Error;

/// Scheme, host and port of a provider.
///
/// Plain HTTP is accepted for this machine only: a token must not cross a network in the clear.
///
/// ```
/// use minigate_outbound::Origin;
///
/// assert!(Origin::parse("https://api.telegram.org").is_ok());
/// assert!(Origin::parse("http://127.0.0.1:8081").is_ok());
/// assert!(Origin::parse("http://api.telegram.org").is_err());
/// assert!(Origin::parse("https://api.telegram.org/bot").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_tls: bool,
    /// What goes into the header `Host`.
    pub(crate) authority: String,
}

/// An origin that no client can use. It does not repeat the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OriginError {
    /// It is not scheme, host and port.
    #[error("the origin must be scheme, host and port, such as https://api.example.com")]
    Malformed,
    /// It would send secrets in the clear.
    #[error("the origin must be https, except on this machine")]
    Plain,
}

impl Origin {
    /// Parses `https://host[:port]`, or `http://` and a loopback address.
    ///
    /// # Errors
    /// [`OriginError`].
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let uri: Uri = text.parse().map_err(|_| OriginError::Malformed)?;
        let authority = uri.authority().ok_or(OriginError::Malformed)?;
        let is_bare = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
        if !is_bare || authority.as_str().contains('@') {
            return Err(OriginError::Malformed);
        }
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(OriginError::Malformed),
        };
        if !is_tls && !is_loopback(authority.host()) {
            return Err(OriginError::Plain);
        }
        Ok(Self {
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            is_tls,
            authority: authority.as_str().to_owned(),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_host_and_port_make_an_origin() {
        for (text, expected) in [
            ("https://api.stripe.com", Ok(("api.stripe.com", 443, true))),
            ("https://api.stripe.com/", Ok(("api.stripe.com", 443, true))),
            ("https://api.stripe.com:8443", Ok(("api.stripe.com", 8443, true))),
            ("http://localhost:1", Ok(("localhost", 1, false))),
            ("http://[::1]:1", Ok(("[::1]", 1, false))),
            ("http://10.0.0.1", Err(OriginError::Plain)),
            ("http://localhost.example.com", Err(OriginError::Plain)),
            ("https://user:password@api.stripe.com", Err(OriginError::Malformed)),
            ("https://api.stripe.com/v1", Err(OriginError::Malformed)),
            ("https://api.stripe.com?a=b", Err(OriginError::Malformed)),
            ("api.stripe.com", Err(OriginError::Malformed)),
            ("ftp://api.stripe.com", Err(OriginError::Malformed)),
            ("", Err(OriginError::Malformed)),
        ] {
            let parsed = Origin::parse(text);
            let found = parsed.as_ref().map(|it| (it.host.as_str(), it.port, it.is_tls));
            assert_eq!(found, expected.as_ref().map(|it| *it), "{text}");
        }
    }
}
