//! The `Authorization` header.

use axum::http::{HeaderMap, header};

use crate::{Code, Problem};

/// What the header holds. Nothing of it has been verified.
pub(super) enum Credentials<'a> {
    /// `tma <init data>`
    InitData(&'a str),
    /// `Bearer <access token>`
    AccessToken(&'a str),
}

impl<'a> Credentials<'a> {
    /// Reads the one `Authorization` header.
    pub(super) fn of(headers: &'a HeaderMap) -> Result<Self, Problem> {
        let malformed = |message: &str| {
            Problem::new(Code::AUTHORIZATION_MALFORMED).field("authorization", message)
        };
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().ok_or_else(|| {
            Problem::new(Code::AUTHORIZATION_MISSING)
                .field("authorization", "must be `tma <init data>` or `Bearer <access token>`")
        })?;
        if values.next().is_some() {
            return Err(malformed("must stand once"));
        }
        let text = std::str::from_utf8(value.as_bytes()).map_err(|_| malformed("must be UTF-8"))?;
        let (scheme, credentials) =
            text.trim_ascii().split_once(' ').ok_or_else(|| malformed("must name a scheme"))?;
        let credentials = credentials.trim_ascii();
        if scheme.eq_ignore_ascii_case("tma") {
            Ok(Self::InitData(credentials))
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Ok(Self::AccessToken(credentials))
        } else {
            Err(malformed("must begin with `tma` or `Bearer`"))
        }
    }
}
