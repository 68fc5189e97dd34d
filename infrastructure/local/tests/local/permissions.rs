//! docs/permissions.md is what the operations say of themselves: each names the role that it takes in the
//! security requirements of the API reference. That it takes that role, a black-box test shows.

use minigate_domain::Role;
use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "patch", "put", "delete"];

fn reference() -> Value {
    serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap()
}

/// Whom an operation takes.
#[derive(Debug, PartialEq)]
enum Takes {
    Anyone,
    ApiKey,
    Role(Role),
}

fn takes(name: &str, operation: &Value) -> Takes {
    let requirements = operation["security"].as_array().unwrap();
    if requirements.iter().any(|it| it.as_object().unwrap().is_empty()) {
        return Takes::Anyone;
    }
    if requirements.iter().any(|it| it.get("apiKey").is_some()) {
        return Takes::ApiKey;
    }
    let roles = requirements.iter().flat_map(|it| it.as_object().unwrap().values());
    let roles: Vec<&str> = roles
        .map(|roles| {
            let [role] = roles.as_array().unwrap().as_slice() else {
                panic!(
                    "{name} names no role: write `security((\"accessToken\" = [\"user\"]), …)`, or \
                     author, support, admin, as its extractor asks for"
                )
            };
            role.as_str().unwrap()
        })
        .collect();
    let role: Role = roles[0].parse().unwrap();
    assert!(roles.iter().all(|other| *other == role.as_str()), "{name} names different roles");
    Takes::Role(role)
}

/// The rows of the table, as the reference has them.
fn rows() -> Vec<String> {
    let reference = reference();
    let mut rows = Vec::new();
    for (path, item) in reference["paths"].as_object().unwrap() {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let name = format!("{} {path}", method.to_uppercase());
            let (who, allows): (&str, Box<dyn Fn(Role) -> bool>) = match takes(&name, operation) {
                Takes::Anyone => ("anyone", Box::new(|_| true)),
                Takes::ApiKey => ("an API key", Box::new(|_| false)),
                Takes::Role(role) => (role.as_str(), Box::new(move |held| held.includes(role))),
            };
            let cells = Role::ALL.map(|role| if allows(role) { "yes" } else { "–" });
            rows.push(format!("| `{name}` | {who} | {} |", cells.join(" | ")));
        }
    }
    rows
}

#[test]
fn the_table_of_permissions_is_what_the_operations_take() {
    let document = include_str!("../../../../docs/permissions.md");
    let written: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
    let rows = rows();
    assert!(
        written == rows,
        "docs/permissions.md is out of date; its table must be\n{}",
        rows.join("\n")
    );
}

#[test]
fn whatever_administers_takes_administrators() {
    let reference = reference();
    for (path, item) in reference["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            if path.starts_with("/v1/system/") {
                assert_eq!(takes(&name, operation), Takes::Role(Role::Admin), "{name}");
            }
        }
    }
}
