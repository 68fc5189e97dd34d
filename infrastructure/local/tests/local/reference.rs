use std::collections::HashMap;

use minigate_local::routes;
use minigate_platform::{Code, Router};

#[test]
fn the_committed_api_reference_is_what_the_code_says() {
    let committed = include_str!("../../../../docs/openapi.json");
    assert!(
        committed == routes::openapi_json(),
        "docs/openapi.json is out of date; `cargo xtask openapi` writes it anew"
    );
}

fn functions() -> [(&'static str, Router); 6] {
    [
        ("sessions", sessions::router()),
        ("profile", profile::router()),
        ("system", system::router()),
        ("verify", verify::router()),
        ("keys", keys::router()),
        ("health", health::router()),
    ]
}

/// Functions whose events are no HTTP requests: `cargo dev` has nothing to serve of them.
const WITHOUT_ROUTES: [&str; 1] = ["authorizer"];

#[test]
fn cargo_dev_serves_every_function_that_has_routes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions");
    let mut folders: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut known: Vec<String> = WITHOUT_ROUTES.map(str::to_owned).into();
    let served = routes::all().into_openapi().paths.paths;
    for (function, router) in functions() {
        let paths = router.into_openapi().paths.paths;
        assert!(!paths.is_empty(), "{function} has no routes");
        for path in paths.keys() {
            assert!(served.contains_key(path), "{function}: {path} is not served");
        }
        known.push(function.to_owned());
    }
    folders.sort_unstable();
    known.sort_unstable();
    assert_eq!(folders, known, "a function is neither served nor known to have no routes");
}

#[test]
fn no_two_functions_give_one_name_to_different_schemas() {
    let mut known = HashMap::new();
    for (function, router) in functions() {
        let components = router.into_openapi().components.unwrap();
        for (name, schema) in components.schemas {
            let schema = serde_json::to_value(schema).unwrap();
            let (first, other) = known.entry(name.clone()).or_insert((function, schema.clone()));
            assert_eq!(*other, schema, "{name} is one thing in {first} and another in {function}");
        }
    }
}

#[test]
fn every_code_is_documented_with_its_status() {
    let documented = include_str!("../../../../docs/problems.md");
    for code in Code::ALL {
        let row = format!("| `{}` | {} |", code.as_str(), code.status().as_u16());
        assert!(documented.contains(&row), "docs/problems.md has no row that begins with {row}");
    }
    let rows = documented.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, Code::ALL.len(), "docs/problems.md lists a code that does not exist");
}
