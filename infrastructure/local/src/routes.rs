//! The routes of all functions in one router.
//!
//! The function `authorizer` has no routes: only API Gateway calls it. Its binary runs
//! in tests and under `cargo lambda watch`.

use minigate_platform::{Function, Router};
use serde_json::{Value, json};
use utoipa::{OpenApi, openapi};

use crate::{functions, reference::Reference};

/// All routes of the API.
pub fn all() -> Router {
    let routers = functions::all().into_iter().filter_map(|function| function.router());
    routers.fold(Router::with_openapi(Reference::openapi()), Router::merge)
}

/// Method and path of every route, in the order of the API reference.
pub fn list() -> Vec<(String, String)> {
    let paths = all().into_openapi().paths.paths.into_iter();
    let routes = paths.flat_map(|(path, item)| {
        let operations = operations(&item).into_iter();
        operations.map(|(method, _)| (method.to_owned(), path.clone())).collect::<Vec<_>>()
    });
    routes.collect()
}

/// Every function with its needs and its routes, as JSON: what `cargo xtask generate` reads.
pub fn description() -> String {
    let functions: Vec<_> = functions::all().iter().map(describe).collect();
    format!("{:#}\n", json!({ "functions": functions }))
}

fn describe(function: &Function) -> Value {
    let paths = function.router().into_iter().flat_map(|router| router.into_openapi().paths.paths);
    let mut routes = Vec::new();
    for (path, item) in paths {
        for (method, operation) in operations(&item) {
            let requirements = serde_json::to_value(&operation.security).unwrap_or_default();
            let needs_api_key = requirements.to_string().contains("\"apiKey\"");
            routes.push(json!({ "method": method, "path": path, "needs_api_key": needs_api_key }));
        }
    }
    json!({
        "name": function.name(),
        "kind": function.kind().as_str(),
        "needs": function.needs().names(),
        "routes": routes,
    })
}

/// The operations of a path, with their methods.
fn operations(item: &openapi::PathItem) -> Vec<(&'static str, &openapi::path::Operation)> {
    let by_method = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PATCH", &item.patch),
        ("PUT", &item.put),
        ("DELETE", &item.delete),
    ];
    let there = by_method.into_iter();
    there.filter_map(|(method, operation)| Some((method, operation.as_ref()?))).collect()
}
