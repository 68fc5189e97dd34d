use std::collections::HashMap;

use minigate_local::routes;
use minigate_platform::Code;

#[test]
fn the_committed_api_reference_is_what_the_code_says() {
    let committed = include_str!("../../../../docs/openapi.json");
    assert!(
        committed == routes::openapi_json(),
        "docs/openapi.json is out of date; `cargo xtask openapi` writes it anew"
    );
}

#[test]
fn no_two_functions_give_one_name_to_different_schemas() {
    let functions = [
        ("sessions", sessions::router()),
        ("profile", profile::router()),
        ("verify", verify::router()),
        ("keys", keys::router()),
        ("health", health::router()),
    ];
    let mut known = HashMap::new();
    for (function, router) in functions {
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
