//! The hand-written parts of the template, `infrastructure/template/*.yaml`: YAML with directives in
//! comments, so that an editor and a reader take them for what they are.
//!
//! | directive | what becomes of it |
//! |---|---|
//! | `#each function: TEXT` | `TEXT` once for each function; lines that follow each other are one block |
//! | `#each function with bots: TEXT` | the same, for functions that have the property |
//! | `#each alarm: TEXT` | once for each alarm of a function's own |
//! | `#if bots: TEXT` | `TEXT` if the function at hand has the property |
//! | `#insert paths` | what the generator makes: `paths`, `functions` or `grants` |
//!
//! `{Function}` stands for a function's logical id and `{function}` for its name; other variables are
//! those of the item at hand. Anything else in braces is YAML.

use std::collections::BTreeMap;

/// What a directive can refer to.
#[derive(Clone, Default)]
pub(crate) struct Item {
    pub(crate) variables: BTreeMap<&'static str, String>,
    pub(crate) properties: Vec<&'static str>,
}

/// The lists and the inserts that a fragment may name, and the item at hand, if there is one.
#[derive(Default)]
pub(crate) struct Scope<'a> {
    pub(crate) lists: BTreeMap<&'a str, &'a [Item]>,
    pub(crate) inserts: BTreeMap<&'a str, String>,
    pub(crate) item: Item,
}

impl Item {
    pub(crate) fn with(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.variables.insert(variable, value.into());
        self
    }

    fn fill(&self, text: &str) -> String {
        let replace = |text: String, (name, value): (&&str, &String)| {
            text.replace(&format!("{{{name}}}"), value)
        };
        self.variables.iter().fold(text.to_owned(), replace)
    }

    fn has(&self, property: &str) -> bool {
        self.properties.contains(&property)
    }
}

/// Carries out the directives of a fragment.
///
/// # Errors
/// A directive that is unknown, with the file and the line.
pub(crate) fn expand(name: &str, text: &str, scope: &Scope<'_>) -> Result<String, String> {
    let at = |index: usize, what: &str| format!("{name}:{}: {what}", index + 1);
    let mut out = String::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let body = line.trim_start();
        let indent = &line[..line.len() - body.len()];
        if let Some(directive) = body.strip_prefix("#each ") {
            let (head, first) = split(directive).ok_or_else(|| at(index, "a colon is missing"))?;
            let prefix = format!("{indent}#each {head}:");
            let mut block = vec![first];
            while let Some((_, next)) = lines.next_if(|(_, next)| next.starts_with(&prefix)) {
                block.push(next[prefix.len()..].strip_prefix(' ').unwrap_or_default());
            }
            let (list, property) = head.split_once(" with ").unwrap_or((head, ""));
            let items = scope.lists.get(list).ok_or_else(|| at(index, "there is no such list"))?;
            for item in items.iter().filter(|item| property.is_empty() || item.has(property)) {
                for text in &block {
                    push(&mut out, indent, &item.fill(text));
                }
            }
        } else if let Some(directive) = body.strip_prefix("#if ") {
            let (property, text) =
                split(directive).ok_or_else(|| at(index, "a colon is missing"))?;
            if scope.item.has(property) {
                push(&mut out, indent, &scope.item.fill(text));
            }
        } else if let Some(insert) = body.strip_prefix("#insert ") {
            let text = scope.inserts.get(insert).ok_or_else(|| at(index, "nothing to insert"))?;
            for line in text.lines() {
                push(&mut out, indent, line);
            }
        } else {
            push(&mut out, indent, &scope.item.fill(body));
        }
    }
    Ok(out)
}

fn split(directive: &str) -> Option<(&str, &str)> {
    let (head, text) = directive.split_once(':')?;
    Some((head, text.strip_prefix(' ').unwrap_or(text)))
}

fn push(out: &mut String, indent: &str, text: &str) {
    if !text.trim().is_empty() {
        out.push_str(indent);
        out.push_str(text.trim_end());
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> [Item; 2] {
        let item = |name: &str| Item::default().with("function", name);
        let bots = Item { properties: vec!["bots"], ..item("sessions") };
        [bots, item("keys")]
    }

    fn expanded(text: &str) -> Result<String, String> {
        let items = items();
        let scope = Scope {
            lists: BTreeMap::from([("function", &items[..])]),
            inserts: BTreeMap::from([("paths", "a\n  b\n\nc".to_owned())]),
            item: items[0].clone(),
        };
        expand("alarms.yaml", text, &scope)
    }

    #[test]
    fn directives_are_carried_out_at_their_indentation() {
        for (text, expected) in [
            ("a: { b: 1 }\n", "a: { b: 1 }\n"),
            ("  #each function: - {function}\n", "  - sessions\n  - keys\n"),
            (
                "  #each function: - Id: {function}\n  #each function:   Stat: Sum\nb:\n",
                "  - Id: sessions\n    Stat: Sum\n  - Id: keys\n    Stat: Sum\nb:\n",
            ),
            ("#each function with bots: {function}:live\n", "sessions:live\n"),
            ("  #if bots: - !Sub \"${{function}.Arn}\"\n", "  - !Sub \"${sessions.Arn}\"\n"),
            ("  #if signing: x\n# text\n", "# text\n"),
            ("  #insert paths\n", "  a\n    b\n\n  c\n"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn a_mistake_is_reported_with_file_and_line() {
        for (text, expected) in [
            ("a\n#each queue: x", "alarms.yaml:2: there is no such list"),
            ("#each function", "alarms.yaml:1: a colon is missing"),
            ("#insert routes", "alarms.yaml:1: nothing to insert"),
        ] {
            assert_eq!(expanded(text), Err(expected.to_owned()), "{text:?}");
        }
    }
}
