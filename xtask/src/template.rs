//! Rules for template.yaml that no linter checks.

use std::collections::BTreeSet;

use crate::workspace;

/// Parameters that a function refers to and that no version of it has: Lambda keeps these for the
/// function as a whole, or they are no property of it.
const OF_NO_VERSION: [&str; 4] =
    ["ReservedConcurrency", "Environment", "Canary", "PermissionsBoundary"];

/// Where a property of a function stands that names what publishes its versions.
const CARRIER: &str = "      SourceKMSKeyArn: ";

fn template() -> String {
    std::fs::read_to_string(workspace::root().join("template.yaml")).unwrap()
}

/// The lines after the one that is `head`, as long as they stand further to the right.
fn block<'a>(text: &'a str, head: &str) -> Vec<&'a str> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let lines = text.lines().skip_while(|line| *line != head).skip(1);
    lines
        .take_while(|line| line.trim().is_empty() || depth(line) > depth(head))
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect()
}

/// The parameters that these lines refer to, also by a condition.
fn referred(lines: &[&str], parameters: &BTreeSet<String>) -> BTreeSet<String> {
    let text = lines.join("\n");
    let is_referred = |name: &&String| {
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric());
        let follows = |before: &str| text.split(before).skip(1).any(ends);
        follows(&format!("!Ref {name}")) || text.contains(&format!("${{{name}}}"))
    };
    parameters.iter().filter(is_referred).cloned().collect()
}

fn parameters(text: &str) -> BTreeSet<String> {
    let names = block(text, "Parameters:").into_iter().filter_map(|line| {
        let name = line.strip_prefix("  ")?.strip_suffix(':')?;
        (!name.starts_with(' ')).then(|| name.to_owned())
    });
    names.collect()
}

/// The names of the functions.
fn functions(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines.windows(2).filter(|pair| pair[1] == "    Type: AWS::Serverless::Function");
    pairs.map(|pair| pair[0].trim().trim_end_matches(':').to_owned()).collect()
}

#[test]
fn each_parameter_of_a_function_publishes_a_version_and_nothing_else_does() {
    let text = template();
    let parameters = parameters(&text);
    let globals = block(&text, "Globals:");
    let functions = functions(&text);
    assert!(functions.len() >= 7 && parameters.len() >= 20, "{functions:?} {parameters:?}");
    for function in functions {
        let own = block(&text, &format!("  {function}:"));
        let properties: Vec<&str> =
            own.into_iter().take_while(|line| *line != "      Events:").collect();
        let is_carrier = |line: &&&str| line.starts_with(CARRIER);
        let carriers: Vec<&str> = properties.iter().filter(is_carrier).copied().collect();
        assert_eq!(carriers.len(), 1, "{function}");
        let of_conditions = |line: &str| line.contains("HasMoreBots").then_some("MoreBotSecrets");
        let rest: Vec<&str> =
            globals.iter().chain(&properties).filter(|line| !is_carrier(line)).copied().collect();
        let mut wanted = referred(&rest, &parameters);
        wanted.extend(rest.iter().filter_map(|line| of_conditions(line)).map(str::to_owned));
        wanted.retain(|name| !OF_NO_VERSION.contains(&name.as_str()));
        // One that is missing would not reach the alias; one too many would have nothing to publish,
        // and Lambda would refuse.
        assert_eq!(referred(&carriers, &parameters), wanted, "{function}");
    }
    for trick in ["VersionDescription", "AutoPublishAliasAllProperties: true"] {
        assert!(!text.contains(trick), "{trick} makes a deployment of tags alone fail");
    }
}
