//! The API reference: the routes' own descriptions, and what all of them share.
//!
//! The possible refusals of an operation follow from its credentials, parameters and body, so they are
//! derived here. An operation describes only its own refusals and its responses.

use minigate_platform::{Code, limits::Limit, schemas};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, Components, Content, Header, HeaderBuilder, ObjectBuilder, Ref, RefOr, Required,
        Response, ResponseBuilder, Schema, Type,
        path::{Operation, Parameter},
        schema::SchemaType,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{functions, limits, routes};

/// The API reference (OpenAPI 3.1) as it is committed in `docs/openapi.json`.
pub fn openapi_json() -> String {
    format!("{}\n", complete().to_pretty_json().unwrap_or_default())
}

fn complete() -> openapi::OpenApi {
    let mut reference = routes::all().into_openapi();
    let components = reference.components.get_or_insert_default();
    describe_answers(components);
    list_codes(components);
    name_limits(components);
    list_namespaces(components);
    for item in reference.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete];
        operations.into_iter().flatten().for_each(complete_operation);
    }
    reference
}

/// Every code with which a request can be refused: those of the platform and those of the nouns.
pub fn codes() -> Vec<Code> {
    let of_nouns = functions::all().into_iter().flat_map(|function| function.codes());
    Code::OF_PLATFORM.iter().chain(of_nouns).copied().collect()
}

/// The platform does not know the codes of the nouns, so its schema lacks them.
fn list_codes(components: &mut Components) {
    if let Some(RefOr::T(Schema::Object(code))) = components.schemas.get_mut("Code") {
        code.enum_values = Some(codes().into_iter().map(|code| code.as_str().into()).collect());
    }
}

/// Nor does it know their namespaces.
fn list_namespaces(components: &mut Components) {
    if let Some(RefOr::T(Schema::Object(name))) = components.schemas.get_mut("CacheNamespace") {
        name.enum_values = Some(limits::namespaces().into_iter().map(Into::into).collect());
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "minigate",
        description = "The back end of a Telegram Mini App. Every refusal is a problem document \
                       (RFC 9457) with a stable `code`; docs/problems.md lists them.",
        contact(name = "minigate", url = "https://github.com/minigate/minigate"),
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers(
        (url = "/", description = "This deployment"),
        (url = "http://127.0.0.1:3000", description = "`cargo dev`"),
    ),
    tags(
        (name = "sessions", description = "Log in, refresh and revoke"),
        (name = "profile", description = "The user's own profile"),
        (name = "verify", description = "Verification of init data for other back ends"),
        (name = "keys", description = "Public keys and the API reference"),
        (name = "system", description = "Administration"),
        (name = "health", description = "Health of the deployment"),
    ),
    components(schemas(
        schemas::CacheNamespace, schemas::CacheTag, schemas::Code, schemas::DisplayName,
        schemas::GrantedRole, schemas::IdempotencyKey, schemas::IfMatch, schemas::IfNoneMatch, schemas::InitDataText,
        schemas::Language, schemas::LimitKey, schemas::LimitKind, schemas::PolicyName,
        schemas::Role, schemas::SessionId, schemas::TelegramId, schemas::Tier, schemas::Token,
        schemas::ViolatedPolicy, minigate_platform::ProblemDocument,
    )),
    modifiers(&Credentials),
)]
pub(crate) struct Reference;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, reference: &mut openapi::OpenApi) {
        let components = reference.components.get_or_insert_default();
        let access_token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token of a session: `Bearer <token>`"))
            .build();
        components.add_security_scheme("accessToken", SecurityScheme::Http(access_token));
        let init_data = ApiKey::Header(ApiKeyValue::with_description(
            "Authorization",
            "The Mini App's init data: `tma <init data>`",
        ));
        components.add_security_scheme("initData", SecurityScheme::ApiKey(init_data));
        let api_key = ApiKey::Header(ApiKeyValue::with_description(
            "X-Api-Key",
            "The key of another back end, checked by API Gateway",
        ));
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(api_key));
    }
}

/// A refusal that several operations share: status, name and meaning.
type Refusal = (&'static str, &'static str, &'static str);

const BAD_REQUEST: Refusal =
    ("400", "BadRequest", "A header, a parameter or the syntax of the body is invalid");
const UNAUTHORIZED: Refusal = ("401", "Unauthorized", "The credentials are missing or refused");
const FORBIDDEN: Refusal =
    ("403", "Forbidden", "Not permitted to this user, or not called through the API's own domain");
const TOO_LARGE: Refusal = ("413", "BodyTooLarge", "The body exceeds the limit of this route");
const NOT_JSON: Refusal = ("415", "UnsupportedMediaType", "The body is not `application/json`");
const UNPROCESSABLE: Refusal = ("422", "BodyInvalid", "The body has an invalid field");
const RATE_LIMITED: Refusal = ("429", "RateLimited", "Too many requests");
const INTERNAL: Refusal = ("500", "InternalError", "An internal error, which has been logged");
const UNAVAILABLE: Refusal = (
    "503",
    "Unavailable",
    "The database or the keys are unavailable, or the request timed out; retry later",
);

const REFUSALS: [Refusal; 9] = [
    BAD_REQUEST,
    UNAUTHORIZED,
    FORBIDDEN,
    TOO_LARGE,
    NOT_JSON,
    UNPROCESSABLE,
    RATE_LIMITED,
    INTERNAL,
    UNAVAILABLE,
];

/// The response headers, by name; components in the reference.
fn headers() -> [(&'static str, Header); 8] {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let header = |schema: ObjectBuilder, description: &str| {
        HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
    };
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    [
        (
            "Cache-Control",
            header(text().max_length(Some(256)), "How long caches may keep the response"),
        ),
        (
            "ETag",
            header(
                text().pattern(Some("^\"[A-Za-z0-9_\\-]+\"$")),
                "The version, for `If-Match` and `If-None-Match`",
            ),
        ),
        (
            "Location",
            header(
                text().pattern(Some("^/v1/sessions/[0-9a-f]{32}$")),
                "The path of the new session",
            ),
        ),
        (
            "RateLimit",
            header(
                text().max_length(Some(1024)),
                "What is left of each limit (draft-ietf-httpapi-ratelimit-headers-11)",
            ),
        ),
        (
            "RateLimit-Policy",
            header(text().max_length(Some(1024)), "The limits that apply to the request"),
        ),
        ("Retry-After", header(seconds, "Seconds to wait before a retry")),
        ("WWW-Authenticate", header(text().pattern(Some("^Bearer, tma$")), "The accepted schemes")),
        ("X-Request-Id", header(text().max_length(Some(256)), "The request id, as in the logs")),
    ]
}

fn header_ref(name: &str) -> RefOr<Header> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{name}")))
}

/// Adds the shared refusals and headers.
/// Which limits there are is known where all functions are linked together.
fn name_limits(components: &mut Components) {
    let names: Vec<&str> = limits::all().iter().map(|limit: &Limit| limit.name).collect();
    // The one that each instance keeps by itself.
    let violated = [names.as_slice(), &["address"]].concat();
    for (schema, names) in [("PolicyName", names), ("ViolatedPolicy", violated)] {
        if let Some(RefOr::T(Schema::Object(schema))) = components.schemas.get_mut(schema) {
            schema.enum_values = Some(names.into_iter().map(Into::into).collect());
        }
    }
}

/// The refusals and the headers that operations refer to.
fn describe_answers(components: &mut Components) {
    for (name, header) in headers() {
        components.headers.insert(name.to_owned(), header.into());
    }
    for (status, name, description) in REFUSALS {
        let mut response = ResponseBuilder::new().description(description).build();
        complete_response(status, true, &mut response);
        components.responses.insert(name.to_owned(), response.into());
    }
}

/// Adds the parts of a response that depend on its status.
fn complete_response(status: &str, is_limited: bool, response: &mut Response) {
    let known = headers().map(|(name, _)| name);
    for (name, header) in &mut response.headers {
        if known.contains(&name.as_str()) {
            *header = header_ref(name);
        }
    }
    let further: &[&str] = match status {
        "401" => &["WWW-Authenticate"],
        "429" | "503" => &["Retry-After"],
        _ => &[],
    };
    let limits: &[&str] = match status {
        "500" | "503" => &[],
        _ if is_limited => &["RateLimit", "RateLimit-Policy"],
        _ => &[],
    };
    for name in [&["X-Request-Id"], further, limits].concat() {
        response.headers.insert(name.to_owned(), header_ref(name));
    }
    if status.starts_with(['4', '5']) {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        response.content.insert("application/problem+json".to_owned(), problem.into());
    }
}

fn complete_operation(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(Parameter { schema: Some(schema), .. }) = parameter {
            not_null(schema);
        }
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        for content in body.content.values_mut() {
            // `Option<Body>`: it may be absent, and may not be `null`.
            if let RefOr::T(Content { schema: Some(schema), .. }) = content
                && not_null(schema)
            {
                body.required = Some(Required::False);
            }
        }
    }
    let is_limited = is_limited(operation);
    let refusals = refusals(operation);
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response {
            complete_response(status, is_limited, response);
        }
    }
    for (status, name, _) in refusals {
        let shared = Ref::new(format!("#/components/responses/{name}"));
        responses.entry(status.to_owned()).or_insert(RefOr::Ref(shared));
    }
}

/// Replaces the schema of an `Option<T>` by that of `T`. Returns whether it did.
fn not_null(schema: &mut RefOr<Schema>) -> bool {
    let is_null = |item: &RefOr<Schema>| matches!(item, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null));
    let RefOr::T(Schema::OneOf(one_of)) = &schema else { return false };
    let [first, second] = one_of.items.as_slice() else { return false };
    let inner = match (is_null(first), is_null(second)) {
        (true, false) => second.clone(),
        (false, true) => first.clone(),
        _ => return false,
    };
    *schema = inner;
    true
}

/// Whether the operation counts against the limits that hold over all instances.
fn is_limited(operation: &Operation) -> bool {
    has_credentials(operation) || operation.request_body.is_some()
}

fn has_credentials(operation: &Operation) -> bool {
    let none = openapi::security::SecurityRequirement::default();
    operation.security.iter().flatten().any(|requirement| *requirement != none)
}

fn refusals(operation: &Operation) -> Vec<Refusal> {
    let mut refusals = vec![FORBIDDEN, RATE_LIMITED, INTERNAL, UNAVAILABLE];
    if has_credentials(operation) {
        refusals.push(UNAUTHORIZED);
    }
    if operation.request_body.is_some() {
        refusals.extend([BAD_REQUEST, TOO_LARGE, NOT_JSON, UNPROCESSABLE]);
    }
    if operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty()) {
        refusals.push(BAD_REQUEST);
    }
    refusals
}
