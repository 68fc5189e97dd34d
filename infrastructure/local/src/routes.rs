//! The routes of all functions in one router.
//!
//! The function `authorizer` has no routes: only API Gateway calls it. Its binary runs
//! in tests and under `cargo lambda watch`.

use minigate_platform::Router;
use utoipa::OpenApi;

use crate::reference::Reference;

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
    let reference = all().into_openapi();
    let methods = |item: &utoipa::openapi::PathItem| {
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
