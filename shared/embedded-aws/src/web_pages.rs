//! Keeps web pages away from the endpoint.
//!
//! A browser on the same machine reaches every loopback port. A page of another site may send
//! requests, and by *DNS rebinding* (its own name suddenly resolves to 127.0.0.1) it may read the
//! answers as those of its own origin. Both show in the request: a page cannot choose the headers
//! `Host` and `Origin`. Programs such as the AWS CLI name a loopback host and send no origin.

use http::{
    HeaderMap, Uri,
    header::{HOST, ORIGIN},
    uri::Authority,
};

use crate::loopback::is_loopback_host;

/// Why a request is refused, if a web page may have sent it.
pub(crate) fn refusal(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Some("a request to this endpoint must have one header Host".to_owned());
    };
    let host = String::from_utf8_lossy(host.as_bytes());
    // In the absolute form of a request, the URI counts and not the header.
    let in_uri = uri.authority().map(Authority::as_str);
    for named in [Some(&*host), in_uri].into_iter().flatten() {
        if !is_loopback_authority(named) {
            return Some(format!(
                "this endpoint answers requests to a loopback host only, such as 127.0.0.1 or \
                 localhost, because a web page could read secrets here by DNS rebinding; the \
                 request names the host {named:?}"
            ));
        }
    }
    let own = format!("http://{host}");
    let is_own = |origin: &[u8]| origin.eq_ignore_ascii_case(own.as_bytes());
    let foreign = headers.get_all(ORIGIN).iter().find(|origin| !is_own(origin.as_bytes()))?;
    Some(format!(
        "this endpoint answers programs and no web pages, because it holds secrets; the request \
         comes from the origin {:?}",
        String::from_utf8_lossy(foreign.as_bytes())
    ))
}

/// A loopback host with or without a port.
fn is_loopback_authority(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let host = authority.host();
    let port = text.strip_prefix(host).and_then(|rest| rest.strip_prefix(':'));
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    (text == host || port.is_some_and(is_port)) && is_loopback_host(host)
}

#[cfg(test)]
mod tests {
    use super::{HOST, HeaderMap, ORIGIN, Uri, refusal};

    fn is_answered(uri: &str, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        refusal(&uri.parse::<Uri>().unwrap(), &headers).is_none()
    }

    #[test]
    fn hosts_of_this_machine_are_answered() {
        for host in [
            "127.0.0.1:4566",
            "127.8.9.10:1",
            "[::1]:4566",
            "localhost",
            "localhost:4566",
            "LocalHost:4566",
        ] {
            assert!(is_answered("/", host, None), "{host}");
            assert!(is_answered("/", host, Some(&format!("http://{host}"))), "{host}");
        }
    }

    #[test]
    fn other_hosts_are_refused() {
        for host in [
            "",
            "evil.example",
            "evil.example:4566",
            "127.0.0.1.evil.example:4566",
            "localhost.evil.example",
            "evil-localhost",
            "128.0.0.1:4566",
            "0.0.0.0:4566",
            "[::]:4566",
            "localhost:4566:4566",
            "localhost:65536",
            "localhost:",
            "evil@localhost:4566",
            "localhost@evil.example",
        ] {
            assert!(!is_answered("/", host, None), "{host}");
        }
        assert!(!is_answered("http://evil.example/", "localhost", None));
        assert!(refusal(&Uri::default(), &HeaderMap::new()).is_some());
        let mut two = HeaderMap::new();
        two.append(HOST, "localhost".parse().unwrap());
        two.append(HOST, "evil.example".parse().unwrap());
        assert!(refusal(&Uri::default(), &two).is_some());
    }

    #[test]
    fn foreign_origins_are_refused() {
        for origin in [
            "null",
            "",
            "http://evil.example",
            "http://localhost:5173",
            "https://localhost:4566",
            "http://localhost:4566.evil.example",
        ] {
            assert!(!is_answered("/", "localhost:4566", Some(origin)), "{origin}");
        }
    }
}
