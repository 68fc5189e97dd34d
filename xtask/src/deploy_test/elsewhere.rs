//! An emulator that runs already, such as LocalStack: `cargo xtask deploy-test --endpoint URL`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{Parts, Test, emulator::Emulator};

const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Where it is: `http://`, a loopback host, and a port. Never a real account.
#[derive(Debug, PartialEq)]
pub(crate) struct Endpoint(SocketAddr);

impl Endpoint {
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "--endpoint must be an emulator on this machine, such as http://127.0.0.1:4566, \
                 and not `{url}`"
            )
        };
        let authority = url.strip_prefix("http://").ok_or_else(expected)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let address: SocketAddr = match authority.strip_prefix("localhost:") {
            Some(port) => {
                (IpAddr::V4(Ipv4Addr::LOCALHOST), port.parse().map_err(|_| expected())?).into()
            }
            None => authority.parse().map_err(|_| expected())?,
        };
        if address.ip().is_loopback() && address.port() != 0 {
            Ok(Self(address))
        } else {
            Err(expected())
        }
    }

    /// The emulator, if anybody listens.
    pub(super) fn emulator(&self) -> Result<Emulator, String> {
        TcpStream::connect_timeout(&self.0, CONNECT_LIMIT).map_err(|error| {
            format!("nothing listens on http://{}; start the emulator first: {error}", self.0)
        })?;
        Ok(Emulator::running(format!("http://{}", self.0)))
    }

    /// The name of a stack that nobody has yet.
    #[expect(clippy::disallowed_methods, reason = "a name of its own for each run")]
    pub(super) fn stack() -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("minigate-test-{}", now.as_secs())
    }
}

/// How it shows that an emulator cannot do what a part is about.
#[derive(Default)]
pub(super) struct Lacks;

impl Lacks {
    /// Part, what the part then says, and what is left out.
    const SIGNS: [(&'static str, &'static str, &'static str); 5] = [
        ("permission", "nothing fails without", "the endpoint enforces no permissions"),
        ("alarm", "no message of the alarm", "the endpoint evaluates no alarms"),
        ("throttled", "0 of 200 logins were refused", "the endpoint does not throttle"),
        ("machine", "with the key None: 200", "the endpoint asks for no API key"),
        ("machine", "the quota is never used up", "the endpoint counts no quota of an API key"),
    ];

    fn explain(what: &str, failure: &str) -> Option<&'static str> {
        let signs = Self::SIGNS.iter();
        let mut found = signs.filter(|(part, sign, _)| *part == what && failure.contains(sign));
        found.next().map(|(_, _, reason)| *reason)
    }
}

impl Test {
    /// Adds a part of `stack.py`; on an endpoint of others, only if that is able to do it.
    pub(super) fn add_if_able(
        &self,
        name: &str,
        what: &str,
        arguments: &[&str],
        parts: &mut Parts,
    ) {
        let outcome = self.stack(what, arguments);
        let failure = outcome.as_ref().err().filter(|_| self.lacks.is_some());
        match failure.and_then(|failure| Lacks::explain(what, failure)) {
            Some(reason) => println!("                without {name}: {reason}"),
            None => parts.add(name, outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Lacks};

    #[test]
    fn an_endpoint_is_on_this_machine() {
        for (url, address) in [
            ("http://127.0.0.1:4566", "127.0.0.1:4566"),
            ("http://localhost:4566/", "127.0.0.1:4566"),
            ("http://[::1]:4566", "[::1]:4566"),
        ] {
            assert_eq!(Endpoint::parse(url), Ok(Endpoint(address.parse().unwrap())), "{url}");
        }
        for url in [
            "",
            "4566",
            "localhost:4566",
            "https://localhost:4566",
            "http://localhost",
            "http://127.0.0.1:0",
            "http://0.0.0.0:4566",
            "http://192.0.2.1:80",
            "http://sts.amazonaws.com:80",
        ] {
            assert!(Endpoint::parse(url).is_err_and(|error| error.contains("--endpoint")), "{url}");
        }
    }

    #[test]
    fn what_an_endpoint_lacks_is_no_failure_of_ours() {
        let said = "python failed: 0 of 200 logins were refused";
        assert_eq!(Lacks::explain("throttled", said), Some("the endpoint does not throttle"));
        assert_eq!(Lacks::explain("permission", said), None);
        assert_eq!(Lacks::explain("throttled", "neither a session nor a problem"), None);
    }
}
