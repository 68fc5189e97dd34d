use std::collections::{HashMap, HashSet};

use minigate_local::reference::codes;
use minigate_platform::Router;

#[test]
fn the_committed_api_reference_is_what_the_code_says() {
    let committed = include_str!("../../../../docs/openapi.json");
    assert!(
        committed == minigate_local::reference::openapi_json(),
        "docs/openapi.json is out of date; `cargo xtask generate` writes it anew"
    );
}

/// The functions that have routes, by their names.
fn functions() -> impl Iterator<Item = (&'static str, Router)> {
    let functions = minigate_local::functions::all().into_iter();
    functions.filter_map(|function| Some((function.name(), function.router()?)))
}

#[test]
fn every_folder_of_functions_is_a_function_of_that_name() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions");
    let mut folders: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    folders.sort_unstable();
    let names = minigate_local::functions::all().map(|function| function.name());
    assert_eq!(folders, names, "`cargo xtask generate` lists them anew");
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
fn codes_are_unique() {
    let codes = codes();
    let texts: HashSet<_> = codes.iter().map(|code| code.as_str()).collect();
    assert_eq!(texts.len(), codes.len(), "two nouns have one code");
}

#[test]
fn every_code_is_documented_with_its_status() {
    let documented = include_str!("../../../../docs/problems.md");
    let codes = codes();
    for code in &codes {
        let row = format!("| `{}` | {} |", code.as_str(), code.status().as_u16());
        assert!(documented.contains(&row), "docs/problems.md has no row that begins with {row}");
    }
    let rows = documented.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, codes.len(), "docs/problems.md lists a code that does not exist");
}

fn reference() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap()
}

/// Every operation, by its method and path.
fn operations(reference: &serde_json::Value) -> Vec<(String, &serde_json::Value)> {
    let paths = reference["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let item = item.as_object().unwrap().iter();
            item.map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

#[test]
fn every_operation_has_a_speaking_id_of_its_own() {
    let reference = reference();
    let mut known = HashMap::new();
    for (name, operation) in operations(&reference) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(id.contains('_'), "{name}: `{id}` says not what is done to what");
        if let Some(other) = known.insert(id, name.clone()) {
            panic!("{name} and {other} have the same id `{id}`");
        }
    }
}

#[test]
fn every_operation_says_how_it_refuses() {
    let reference = reference();
    for (name, operation) in operations(&reference) {
        let responses = operation["responses"].as_object().unwrap();
        let mut needed = vec!["403", "429", "500", "503"];
        let has_credentials = operation["security"].as_array().unwrap().iter();
        if has_credentials.clone().any(|scheme| !scheme.as_object().unwrap().is_empty()) {
            needed.push("401");
        }
        if operation["requestBody"].is_object() {
            needed.extend(["400", "413", "415", "422"]);
        }
        for status in needed {
            assert!(responses.contains_key(status), "{name} does not describe {status}");
        }
        for (status, response) in responses {
            let response = match response["$ref"].as_str() {
                Some(target) => reference.pointer(target.trim_start_matches('#')).unwrap(),
                None => response,
            };
            let described = response["description"].as_str();
            assert!(described.is_some_and(|text| !text.is_empty()), "{name}, {status}");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{name}, {status}");
            if status.starts_with(['4', '5']) {
                let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(problem, "#/components/schemas/Problem", "{name}, {status}");
            }
        }
    }
}

#[test]
fn every_text_of_the_reference_is_bounded() {
    fn look(at: &str, value: &serde_json::Value) {
        if let Some(object) = value.as_object() {
            let is_text = match &object.get("type") {
                Some(serde_json::Value::String(kind)) => kind == "string",
                Some(serde_json::Value::Array(kinds)) => kinds.contains(&"string".into()),
                _ => false,
            };
            let bounds = ["enum", "pattern", "maxLength"];
            let is_bounded = bounds.iter().any(|bound| object.contains_key(*bound));
            assert!(!is_text || is_bounded, "{at} is a text without bounds");
            object.iter().for_each(|(name, value)| look(&format!("{at}/{name}"), value));
        } else if let Some(list) = value.as_array() {
            list.iter()
                .enumerate()
                .for_each(|(index, value)| look(&format!("{at}/{index}"), value));
        }
    }
    look("", &reference());
}

#[test]
fn the_reference_lists_every_code() {
    let codes: Vec<_> = codes().into_iter().map(|code| code.as_str()).collect();
    assert_eq!(reference()["components"]["schemas"]["Code"]["enum"], serde_json::json!(codes));
}
