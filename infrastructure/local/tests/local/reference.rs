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
fn every_code_is_documented_with_its_status() {
    let documented = include_str!("../../../../docs/problems.md");
    for code in Code::ALL {
        let row = format!("| `{}` | {} |", code.as_str(), code.status().as_u16());
        assert!(documented.contains(&row), "docs/problems.md has no row that begins with {row}");
    }
    let rows = documented.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, Code::ALL.len(), "docs/problems.md lists a code that does not exist");
}
