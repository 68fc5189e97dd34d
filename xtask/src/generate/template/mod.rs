//! `template.yaml`, generated: what is judgement is written by hand, in
//! `infrastructure/template/*.yaml` for what functions share and in `functions/<noun>/function.yaml`
//! for one of them; routes and secrets come from the code, and boilerplate is written once.
//!
//! The output is plain SAM and is committed: `sam deploy` needs nothing of this.

mod described;
mod fragment;
mod function;
mod yaml;

use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

pub(crate) use self::described::{Described, Route, parse as parse_description};
use self::{
    fragment::{Item, Scope, expand},
    function::{Alarm, Function, Grant, Known},
};
use crate::workspace;

/// The fragments of which the template consists, in their order.
const FRAGMENTS: [&str; 7] = ["head", "api", "functions", "data", "secrets", "alarms", "outputs"];

/// Where API Gateway's integration of a function is.
const INTEGRATION: &str = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/\
                           functions/${{Function}Aliaslive}/invocations";

/// Every input of the template.
struct Sources {
    fragments: BTreeMap<&'static str, String>,
    /// The fragment that is repeated for each function.
    skeleton: String,
    functions: Vec<(Described, Function)>,
}

/// The template as its sources say.
///
/// # Errors
/// What is wrong with a source, with the file and the line.
pub(crate) fn render(described: Vec<Described>) -> Result<String, String> {
    let sources = Sources::read(described)?;
    let functions: Vec<Item> = sources.functions.iter().map(item).collect();
    let alarms: Vec<Item> = sources.functions.iter().flat_map(own_alarms).collect();
    let mut resources = String::new();
    for ((described, function), item) in sources.functions.iter().zip(&functions) {
        let scope = Scope {
            inserts: BTreeMap::from([
                ("grants", grants(&function.grants)),
                ("resources", further_resources(&described.name)?),
            ]),
            item: item.clone(),
            ..Scope::default()
        };
        resources += &expand("infrastructure/template/function.yaml", &sources.skeleton, &scope)?;
        resources.push('\n');
    }
    let scope = Scope {
        lists: BTreeMap::from([("function", &functions[..]), ("alarm", &alarms[..])]),
        inserts: BTreeMap::from([
            ("functions", resources.trim_end().to_owned()),
            ("paths", paths(&sources)?),
        ]),
        item: Item::default(),
    };
    let mut template = String::new();
    for fragment in FRAGMENTS {
        let name = format!("infrastructure/template/{fragment}.yaml");
        template += &expand(&name, &sources.fragments[fragment], &scope)?;
    }
    Ok(template)
}

impl Sources {
    fn read(described: Vec<Described>) -> Result<Self, String> {
        let mut fragments = BTreeMap::new();
        for fragment in FRAGMENTS {
            let path = format!("infrastructure/template/{fragment}.yaml");
            fragments.insert(fragment, read(&path)?);
        }
        let known = Known {
            tables: resources_of_type(&fragments["data"], "AWS::DynamoDB::Table"),
            conditions: names_below(&fragments["head"], "Conditions:"),
        };
        let mut functions = Vec::new();
        for described in described {
            let path = format!("functions/{}/function.yaml", described.name);
            let function = Function::parse(&path, &read(&path)?, &known)?;
            match (described.kind.as_str(), &function.schedule) {
                ("schedule", None) => {
                    return Err(format!(
                        "{path}: `schedule` is missing: {} has one",
                        described.name
                    ));
                }
                ("schedule", Some(_)) | (_, None) => {}
                (kind, Some(_)) => {
                    return Err(format!(
                        "{path}: `schedule` is for a function of that kind, not {kind}"
                    ));
                }
            }
            functions.push((described, function));
        }
        let skeleton = read("infrastructure/template/function.yaml")?;
        Ok(Self { fragments, skeleton, functions })
    }
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(workspace::root().join(path))
        .map_err(|error| format!("{path} cannot be read: {error}"))
}

/// Resources that a function has besides those of every function, from
/// `functions/<noun>/resources.yaml`.
fn further_resources(noun: &str) -> Result<String, String> {
    let path = format!("functions/{noun}/resources.yaml");
    if workspace::root().join(PathBuf::from(&path)).exists() {
        read(&path)
    } else {
        Ok(String::new())
    }
}

/// The logical ids of a fragment's resources of a type.
fn resources_of_type(fragment: &str, kind: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut last = "";
    for line in fragment.lines() {
        match line.strip_prefix("  ") {
            Some(id) if id.starts_with(|first: char| first.is_ascii_uppercase()) => {
                last = id.trim_end_matches(':');
            }
            Some(property) if property.trim() == format!("Type: {kind}") => {
                ids.push(last.to_owned())
            }
            _ => {}
        }
    }
    ids
}

/// The names one level below a section, such as those of the conditions.
fn names_below(fragment: &str, section: &str) -> Vec<String> {
    let lines = fragment.lines().skip_while(|line| *line != section).skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split_once(':'));
    let names = names.map(|(name, _)| name).filter(|name| !name.starts_with([' ', '#']));
    names.map(str::to_owned).collect()
}

fn item((described, function): &(Described, Function)) -> Item {
    let secrets: Vec<&str> = ["bots", "signing_key", "certificate_key"]
        .into_iter()
        .filter(|need| described.needs(need))
        .collect();
    let optional = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let mut item = Item::default()
        .with("Function", described.logical_id())
        .with("function", &*described.name)
        .with("description", &*function.description)
        .with("memory", optional(function.memory))
        .with("timeout", optional(function.timeout))
        .with("schedule", function.schedule.clone().unwrap_or_default())
        .with("parameters", parameters(described, function));
    for (property, is_there) in [
        ("bots", described.needs("bots")),
        ("signing_key", described.needs("signing_key")),
        ("certificate_key", described.needs("certificate_key")),
        ("secrets", !secrets.is_empty()),
        ("store", described.needs("store")),
        ("routes", described.kind == "routes"),
        ("gateway", described.kind != "events"),
        ("schedule", described.kind == "schedule"),
        ("called", described.kind != "schedule"),
        ("authorizes", described.kind == "events"),
        ("memory", function.memory.is_some()),
        ("timeout", function.timeout.is_some()),
    ] {
        if is_there {
            item.properties.push(property);
        }
    }
    item
}

/// The parameters that a version of the function depends on, as the template has them in a list.
fn parameters(described: &Described, function: &Function) -> String {
    let names = [
        ("Architecture", true),
        ("MemorySize", function.memory.is_none()),
        ("LogLevel", true),
        ("InitDataOneTimeUse", true),
        ("AddressLimitPerMinute", true),
        ("Admin", true),
        ("EdgeKeySha256", true),
        ("MoreBotSecrets", described.needs("bots")),
        ("DomainName", described.needs("certificate_key")),
        ("IssuerName", described.needs("certificate_key")),
        ("PublicUrl", described.needs("certificate_key")),
    ];
    let of_function = names.iter().filter(|(_, is_of_function)| *is_of_function);
    of_function.map(|(name, _)| format!("!Ref {name}")).collect::<Vec<_>>().join(", ")
}

fn own_alarms((described, function): &(Described, Function)) -> Vec<Item> {
    let item = |alarm: &Alarm| {
        Item::default()
            .with("Function", described.logical_id())
            .with("Alarm", &*alarm.id)
            .with("description", &*alarm.description)
            .with("metric", &*alarm.metric)
            .with("seconds", alarm.seconds.to_string())
            .with("above", alarm.above.to_string())
    };
    function.alarms.iter().map(item).collect()
}

/// The statements of a role.
fn grants(grants: &[Grant]) -> String {
    let mut out = String::new();
    for grant in grants {
        let statement = statement(grant);
        match &grant.when {
            None => out += &statement,
            Some(condition) => {
                let _ = writeln!(out, "- !If\n  - {condition}");
                for line in statement.lines() {
                    let _ = writeln!(out, "  {line}");
                }
                out += "  - !Ref AWS::NoValue\n";
            }
        }
    }
    out
}

fn statement(grant: &Grant) -> String {
    let Grant { id, reason, actions, on, keys, .. } = grant;
    let mut out = String::new();
    if let Some(reason) = reason {
        let _ = writeln!(out, "# {reason}");
    }
    let list = |items: &[String]| match items {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    let resources: Vec<String> = on.iter().map(|table| resource(table)).collect();
    let _ = writeln!(out, "- Sid: {id}\n  Effect: Allow\n  Action: {}", list(actions));
    let _ = writeln!(out, "  Resource: {}", list(&resources));
    if !keys.is_empty() {
        let patterns = keys.iter().any(|key| key.contains('*'));
        let operator = if patterns { "StringLike" } else { "StringEquals" };
        // Quoted where YAML would take it for something else, such as a comment.
        let quoted = |key: &String| if is_plain(key) { key.clone() } else { format!("\"{key}\"") };
        let keys = keys.iter().map(quoted).collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            out,
            "  Condition:\n    ForAllValues:{operator}: {{ dynamodb:LeadingKeys: [{keys}] }}"
        );
    }
    out
}

fn is_plain(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A table, `Main`, or an index of one, `Main.GSI1`.
fn resource(table: &str) -> String {
    match table.split_once('.') {
        None => format!("!GetAtt {table}.Arn"),
        Some((table, index)) => format!("!Sub \"${{{table}.Arn}}/index/{index}\""),
    }
}

/// The paths of the API's definition: each route, so that it has limits and metrics of its own, and
/// for every path the methods that are left, which its function answers (preflights, HEAD, 405).
fn paths(sources: &Sources) -> Result<String, String> {
    let mut by_path: BTreeMap<&str, Vec<(&Route, String)>> = BTreeMap::new();
    for (described, _) in &sources.functions {
        for route in &described.routes {
            by_path.entry(&route.path).or_default().push((route, described.logical_id()));
        }
    }
    let mut out = String::new();
    for (path, routes) in by_path {
        let (first, id) = &routes[0];
        if let Some((other, other_id)) = routes.iter().find(|(_, other)| other != id) {
            return Err(format!(
                "{path} has {} of {id} and {} of {other_id}; a path belongs to one function",
                first.method, other.method
            ));
        }
        let _ = writeln!(out, "{path}:");
        for (route, id) in &routes {
            method(&mut out, &route.method.to_ascii_lowercase(), id, route.needs_api_key);
        }
        method(&mut out, "x-amazon-apigateway-any-method", id, false);
    }
    Ok(out)
}

fn method(out: &mut String, method: &str, function: &str, needs_api_key: bool) {
    let uri = INTEGRATION.replace("{Function}", function);
    let _ = writeln!(out, "  {method}:");
    if needs_api_key {
        out.push_str("    security: [{ api_key: [] }]\n");
        out.push_str("    x-amazon-apigateway-request-validator: body-only\n");
        out.push_str(
            "    requestBody:\n      required: true\n      content:\n        application/json:\n",
        );
        out.push_str("          schema: { $ref: \"#/components/schemas/VerifyRequest\" }\n");
    }
    let _ = writeln!(
        out,
        "    x-amazon-apigateway-integration: {{ type: aws_proxy, httpMethod: POST, uri: !Sub \"{uri}\" }}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_becomes_a_statement() {
        let grant = Grant {
            id: "ReadDue".to_owned(),
            reason: Some("What is due.".to_owned()),
            actions: vec!["dynamodb:Query".to_owned()],
            on: vec!["Main.GSI1".to_owned()],
            keys: vec!["DUE".to_owned()],
            when: Some("HasBots".to_owned()),
        };
        assert_eq!(
            grants(&[grant]),
            "- !If\n  - HasBots\n  # What is due.\n  - Sid: ReadDue\n    Effect: Allow\n    \
             Action: dynamodb:Query\n    Resource: !Sub \"${Main.Arn}/index/GSI1\"\n    \
             Condition:\n      ForAllValues:StringEquals: { dynamodb:LeadingKeys: [DUE] }\n  \
             - !Ref AWS::NoValue\n"
        );
    }

    #[test]
    fn keys_with_a_star_are_patterns() {
        let grant = Grant {
            id: "ReadAccounts".to_owned(),
            reason: None,
            actions: vec!["dynamodb:Query".to_owned()],
            on: vec!["Main".to_owned()],
            keys: vec!["LIMITS".to_owned(), "USER#*".to_owned()],
            when: None,
        };
        let expected = "  Condition:\n    ForAllValues:StringLike: \
                        { dynamodb:LeadingKeys: [LIMITS, \"USER#*\"] }\n";
        assert!(statement(&grant).ends_with(expected), "{}", statement(&grant));
    }

    #[test]
    fn tables_and_conditions_are_found_in_the_fragments() {
        let data =
            "  # x\n  Main:\n    Type: AWS::DynamoDB::Table\n\n  Bot:\n    Type: AWS::X::Y\n";
        assert_eq!(resources_of_type(data, "AWS::DynamoDB::Table"), ["Main"]);
        let head = "Parameters:\n  A: 1\nConditions:\n  # why\n  HasA: !Equals [a, b]\n  HasB: x\nGlobals:\n  C:\n";
        assert_eq!(names_below(head, "Conditions:"), ["HasA", "HasB"]);
    }
}
