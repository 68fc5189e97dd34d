//! Which texts and numbers the API takes and gives, for its reference: each is as strict there as the
//! type that parses it, and stands in one place.
//!
//! They are for `#[schema(value_type = schemas::TelegramId)]` and never made.

use std::borrow::Cow;

use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::limits::{Per, Rule};

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
    /// What a user may use.
    Tier one_of(minigate_domain::Tier::ALL.map(minigate_domain::Tier::as_str));
    /// The name of a limit.
    PolicyName one_of(Rule::ALL.map(Rule::name));
    /// The name of a limit that has no units left; `address` is the one that each instance keeps for a
    /// client's address.
    ViolatedPolicy one_of(Rule::ALL.map(Rule::name).into_iter().chain(["address"]));
    /// What a limit holds for.
    LimitKind one_of(Per::ALL.map(Per::as_str));
    /// The id of what a limit holds for: a Telegram user's id, a session's id,
    /// an IP address, or the id of an API key.
    LimitKey text(1, 128, r"^[^\u0000-\u001f]{1,128}$").examples(["42"]);
    /// An origin that a browser may call from, without a path.
    AllowedOrigin text(10, 267, r"^https?://[a-z0-9.\-]+(:[0-9]{1,5})?$")
        .examples(["https://app.example"]);
    /// The name of a namespace of the cache that administrators may invalidate.
    CacheNamespace one_of(crate::caches::NAMESPACES);
    /// A tag of the cache.
    CacheTag text(1, 255, r"^[^\u0000-\u001f]{1,255}$").examples(["user#42"]);
    /// A stable code to branch on; docs/problems.md says when each is answered.
    Code one_of(crate::Code::OF_PLATFORM.iter().copied().map(crate::Code::as_str));
    /// The name that others see: no control or direction characters, no white space at the ends.
    DisplayName text(1, minigate_domain::DisplayName::MAX_CHARS, DISPLAY_NAME)
        .examples(["Ada Lovelace"]);
    /// A language tag, kept in lower case.
    Language text(2, 12, "^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$").examples(["pt-br"]);
    /// A JSON Web Token, or a refresh token of the same form.
    Token text(1, 1024, r"^[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+$");
    /// The Mini App's `initData` as Telegram made it, a form-encoded query.
    InitDataText text(0, 8192, r"^[^\u0000-\u001f]*$");
    /// Names a request, so that a repetition of it is known as one.
    IdempotencyKey text(1, 64, r"^[A-Za-z0-9_\-]{1,64}$").examples(["01J9Z3-open"]);
    /// The version of a resource, as in the header `ETag`; or `*`, whatever the version.
    IfMatch pattern(r#"^(\*|"(0|[1-9][0-9]{0,18})")$"#).examples(["\"3\""]);
    /// The entity tags that the client has, separated by commas; or `*`.
    IfNoneMatch text(1, 1024, r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#)
        .examples(["\"3\""]);
}

/// White space at an end is what Rust's `char::is_whitespace` knows beyond the control characters.
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

/// Without lengths: some generators put them into the pattern, and forget the quotes.
fn pattern(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

fn one_of(values: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values))
}
