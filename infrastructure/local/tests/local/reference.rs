use std::collections::HashMap;

use minigate_local::routes;
use minigate_platform::{Code, Router};

#[test]
fn the_committed_api_reference_is_what_the_code_says() {
    let committed = include_str!("../../../../docs/openapi.json");
    assert!(
        committed == minigate_local::reference::openapi_json(),
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

/// What is to be done about functions in `functions/` that the lists above lack, or the other way
/// round.
fn unlisted(folders: &[String]) -> Vec<String> {
    let here = file!();
    let known: Vec<&str> =
        functions().into_iter().map(|(name, _)| name).chain(WITHOUT_ROUTES).collect();
    let new = folders.iter().filter(|folder| !known.contains(&folder.as_str())).map(|name| {
        let krate = name.replace('-', "_");
        format!(
            "functions/{name} is not known to {here}: if it has routes, add `(\"{name}\", \
             {krate}::router())` to functions(); if it has none, add \"{name}\" to WITHOUT_ROUTES"
        )
    });
    let gone = known.iter().filter(|name| !folders.iter().any(|folder| folder == *name));
    let gone = gone.map(|name| format!("functions/{name} is gone: remove it from {here}"));
    new.chain(gone).collect()
}

#[test]
fn every_function_is_known_here() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions");
    let folders: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let to_do = unlisted(&folders);
    assert!(to_do.is_empty(), "{}", to_do.join("\n"));
}

#[test]
fn a_function_that_is_not_known_here_gets_instructions() {
    let mut folders: Vec<String> = functions().map(|(name, _)| name.to_owned()).into();
    folders.push("bot-updates".to_owned());
    let to_do = unlisted(&folders);
    let [added, gone] = to_do.as_slice() else { panic!("{to_do:?}") };
    assert!(
        added.contains("add `(\"bot-updates\", bot_updates::router())` to functions()"),
        "{added}"
    );
    assert!(gone.starts_with("functions/authorizer is gone"), "{gone}");
}

#[test]
fn cargo_dev_serves_every_function_that_has_routes() {
    let served = routes::all().into_openapi().paths.paths;
    for (function, router) in functions() {
        let paths = router.into_openapi().paths.paths;
        assert!(!paths.is_empty(), "{function} has no routes: move it to WITHOUT_ROUTES");
        for path in paths.keys() {
            assert!(
                served.contains_key(path),
                "`cargo dev` does not serve {path}: add `.merge({}::router())` to \
                 infrastructure/local/src/routes.rs",
                function.replace('-', "_"),
            );
        }
    }
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
    for code in Code::OF_PLATFORM {
        let row = format!("| `{}` | {} |", code.as_str(), code.status().as_u16());
        assert!(documented.contains(&row), "docs/problems.md has no row that begins with {row}");
    }
    let rows = documented.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, Code::OF_PLATFORM.len(), "docs/problems.md lists a code that does not exist");
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
    let codes: Vec<_> = Code::OF_PLATFORM.iter().map(|code| code.as_str()).collect();
    assert_eq!(reference()["components"]["schemas"]["Code"]["enum"], serde_json::json!(codes));
}
