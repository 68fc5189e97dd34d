//! What the code says of its functions: `minigate-local describe`, as JSON.

use serde_json::Value;

use crate::workspace::text;

/// A function as its code describes it.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) name: String,
    /// `routes`, `events`, `queue` or `schedule`.
    pub(crate) kind: String,
    /// What it needs: `bots`, `signing_key`, `store`.
    pub(crate) needs: Vec<String>,
    pub(crate) routes: Vec<Route>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Whether API Gateway asks for an API key.
    pub(crate) needs_api_key: bool,
}

impl Described {
    /// Its logical id in the template.
    pub(crate) fn logical_id(&self) -> String {
        let capital = |part: &str| {
            let (first, rest) = part.split_at(part.len().min(1));
            first.to_ascii_uppercase() + rest
        };
        self.name.split(['-', '_']).map(capital).collect()
    }

    pub(crate) fn needs(&self, what: &str) -> bool {
        self.needs.iter().any(|need| need == what)
    }
}

/// Reads the description of all functions.
pub(crate) fn parse(json: &str) -> Result<Vec<Described>, String> {
    let value: Value = serde_json::from_str(json)
        .map_err(|error| format!("the description of the functions is no JSON: {error}"))?;
    let functions = value["functions"].as_array().ok_or("it describes no functions")?;
    Ok(functions.iter().map(function).collect())
}

fn function(value: &Value) -> Described {
    let texts = |value: &Value| {
        let items = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        items.map(str::to_owned).collect()
    };
    let route = |value: &Value| Route {
        method: text(value, "method").to_owned(),
        path: text(value, "path").to_owned(),
        needs_api_key: value["needs_api_key"] == true,
    };
    Described {
        name: text(value, "name").to_owned(),
        kind: text(value, "kind").to_owned(),
        needs: texts(&value["needs"]),
        routes: value["routes"].as_array().into_iter().flatten().map(route).collect(),
    }
}
