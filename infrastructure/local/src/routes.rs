//! Every function's routes in one router, and the API reference made of them.
//!
//! The function `authorizer` has no routes: API Gateway asks it, and nobody else does. Its binary runs
//! in tests and under `cargo lambda watch`.

use minigate_platform::Router;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// All routes of the API.
pub fn all() -> Router {
    Router::with_openapi(Reference::openapi())
        .merge(sessions::router())
        .merge(profile::router())
        .merge(verify::router())
        .merge(keys::router())
        .merge(system::router())
        .merge(health::router())
}

/// Method and path of every route, in the order of the API reference.
pub fn list() -> Vec<(String, String)> {
    let reference = reference();
    let methods = |item: &openapi::PathItem| {
        let by_name = [
            ("GET", item.get.is_some()),
            ("POST", item.post.is_some()),
            ("PATCH", item.patch.is_some()),
            ("PUT", item.put.is_some()),
            ("DELETE", item.delete.is_some()),
        ];
        by_name.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name.to_owned())
    };
    let routes = reference.paths.paths.iter();
    routes.flat_map(|(path, item)| methods(item).map(|method| (method, path.clone()))).collect()
}

/// The API reference (OpenAPI 3.1) as it is committed in `docs/openapi.json`.
pub fn openapi_json() -> String {
    format!("{}\n", reference().to_pretty_json().unwrap_or_default())
}

/// What the routes say of themselves, and what holds for all of them: any request may be refused,
/// always with a problem document.
fn reference() -> openapi::OpenApi {
    let mut reference = all().into_openapi();
    let problem = openapi::Content::new(Some(openapi::Ref::from_schema_name("Problem")));
    let refused = openapi::Response::builder()
        .description("Refused, for a reason that docs/problems.md lists")
        .content("application/problem+json", problem)
        .build();
    for item in reference.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses.insert("default".to_owned(), refused.clone().into());
        }
    }
    reference
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "minigate",
        description = "The back end of a Telegram Mini App. Every refusal is a problem document \
                       (RFC 9457) with a stable `code`; docs/problems.md lists them.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    modifiers(&Credentials),
)]
struct Reference;

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
