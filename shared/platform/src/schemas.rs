//! The schemas of texts and numbers in the API reference, each as strict as the type that parses it.
//!
//! Use them as `#[schema(value_type = schemas::TelegramId)]`; they have no values. The values of
//! [`PolicyName`] and [`ViolatedPolicy`] are known where all functions are linked together, and added
//! to the reference there.

use std::borrow::Cow;

use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::limits::Per;

macro_rules! schemas {
    ($($(#[doc = $doc:literal])+ $name:ident $build:expr;)*) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let description = concat!($($doc,)+).trim();
                    $build.description(Some(description)).into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
            }
        )*
    };
}

schemas! {
    /// The id of a Telegram user or bot.
    TelegramId ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(1))
        .maximum(Some((1_i64 << 52) - 1))
        .examples([Value::from(42)]);
    /// The id of a session.
    SessionId text(32, 32, "^[0-9a-f]{32}$").examples(["00ff00ff00ff00ff00ff00ff00ff00ff"]);
    /// The tier of a user, which determines their limits.
    Tier one_of(minigate_domain::Tier::ALL.map(minigate_domain::Tier::as_str));
    /// A role that administrators grant.
    GrantedRole one_of(minigate_domain::Role::GRANTED.map(minigate_domain::Role::as_str));
    /// What a user may do.
    Role one_of(minigate_domain::Role::ALL.map(minigate_domain::Role::as_str));
    /// The name of a limit.
    PolicyName ObjectBuilder::new().schema_type(Type::String);
    /// The name of an exceeded limit; `address` is the limit for a client's address that each instance
    /// keeps by itself.
    ViolatedPolicy ObjectBuilder::new().schema_type(Type::String);
    /// What a limit applies to.
    LimitKind one_of(Per::ALL.map(Per::as_str));
    /// The id of what a limit applies to: a Telegram user's id, a session's id,
    /// an IP address, or the id of an API key.
    LimitKey text(1, 128, r"^[^\u0000-\u001f]{1,128}$").examples(["42"]);
    /// An origin that browsers may call from, without a path.
    AllowedOrigin text(10, 267, r"^https?://[a-z0-9.\-]+(:[0-9]{1,5})?$")
        .examples(["https://app.example"]);
    /// A cache namespace that administrators may invalidate.
    CacheNamespace one_of(crate::caches::OF_PLATFORM.iter().copied());
    /// A cache tag.
    CacheTag text(1, 255, r"^[^\u0000-\u001f]{1,255}$").examples(["user#42"]);
    /// A stable code to branch on; docs/problems.md explains each.
    Code one_of(crate::Code::OF_PLATFORM.iter().copied().map(crate::Code::as_str));
    /// A display name: no control or direction characters, no white space at the ends.
    DisplayName text(1, minigate_domain::DisplayName::MAX_CHARS, DISPLAY_NAME)
        .examples(["Ada Lovelace"]);
    /// A language tag, stored in lower case.
    Language text(2, 12, "^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$").examples(["pt-br"]);
    /// A signed token, a compact JWS.
    Token text(1, 1024, r"^[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+$");
    /// The unchanged `initData` of the Mini App, a form-encoded query.
    InitDataText text(0, 8192, r"^[^\u0000-\u001f]*$");
    /// Identifies a request, so that a retry is recognised.
    IdempotencyKey text(1, 64, r"^[A-Za-z0-9_\-]{1,64}$").examples(["01J9Z3-open"]);
    /// The version of a resource, as in the header `ETag`; or `*` for any version.
    IfMatch pattern(r#"^(\*|"(0|[1-9][0-9]{0,18})")$"#).examples(["\"3\""]);
    /// The client's cached entity tags, comma-separated; or `*`.
    IfNoneMatch text(1, 1024, r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#)
        .examples(["\"3\""]);
}

/// White space is that of Rust's `char::is_whitespace`, beyond the control characters.
const DISPLAY_NAME: &str = concat!(
    r"^[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u200e\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000]",
    r"([^\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]*",
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u200e\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000])?$"
);

fn text(min: usize, max: usize, pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(min))
        .max_length(Some(max))
        .pattern(Some(pattern))
}

/// Without lengths: some generators merge them into the pattern and omit the quotes.
fn pattern(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

fn one_of(values: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values))
}
