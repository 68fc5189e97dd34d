//! Every function's routes in one router, and the API reference made of them.
//!
//! The function `authorizer` has no routes: API Gateway asks it, and nobody else does. Its binary runs
//! in tests and under `cargo lambda watch`.

use minigate_platform::{Function, Router};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::functions;

/// All routes of the API.
pub fn all() -> Router {
    let routers = functions::all().into_iter().filter_map(|function| function.router());
    routers.fold(Router::with_openapi(Reference::openapi()), Router::merge)
}

/// Method and path of every route, in the order of the API reference.
pub fn list() -> Vec<(String, String)> {
    let paths = reference().paths.paths.into_iter();
    let routes = paths.flat_map(|(path, item)| {
        let operations = operations(&item).into_iter();
        operations.map(|(method, _)| (method.to_owned(), path.clone())).collect::<Vec<_>>()
    });
    routes.collect()
}

/// The operations of a path, with their methods.
fn operations(item: &openapi::PathItem) -> Vec<(&'static str, openapi::path::Operation)> {
    let by_method = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PATCH", &item.patch),
        ("PUT", &item.put),
        ("DELETE", &item.delete),
    ];
    let there = by_method.into_iter().filter_map(|(method, operation)| {
        operation.as_ref().map(|operation| (method, operation.clone()))
    });
    there.collect()
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

/// Every function with its needs and its routes, as JSON: what `cargo xtask generate` reads.
pub fn description() -> String {
    let functions: Vec<_> = functions::all().iter().map(describe).collect();
    format!("{:#}\n", serde_json::json!({ "functions": functions }))
}

fn describe(function: &Function) -> serde_json::Value {
    let reference = function.router().map(Router::into_openapi);
    let paths = reference.into_iter().flat_map(|reference| reference.paths.paths);
    let routes: Vec<_> = paths
        .flat_map(|(path, item)| {
            operations(&item).into_iter().map(move |(method, operation)| {
                let schemes = serde_json::to_value(&operation.security).unwrap_or_default();
                let needs_api_key = schemes.to_string().contains("\"apiKey\"");
                serde_json::json!({ "method": method, "path": path, "needs_api_key": needs_api_key })
            })
        })
        .collect();
    let kind = if function.router().is_some() { "routes" } else { "events" };
    let needs = function.needs().names();
    serde_json::json!({ "name": function.name(), "kind": kind, "needs": needs, "routes": routes })
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
