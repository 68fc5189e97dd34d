//! `functions/<noun>/function.yaml`: what a person decides about a function's deployment.
//!
//! ```yaml
//! description: Sessions of users
//! memory: 512              # optional, megabytes; the parameter MemorySize otherwise
//! timeout: 30              # optional, seconds; the template's default otherwise
//! schedule: rate(1 hour)   # when EventBridge starts it: for the function of a schedule, and only there
//! grants:                  # besides its secrets, its logs and its traces
//!   - id: CountRequests
//!     reason: The limits.  # becomes the comment above the statement
//!     actions: [dynamodb:UpdateItem]
//!     on: [Volatile]       # logical ids of tables, or one of `index` such as Main.GSI1
//!     keys: [LIMITS]       # optional: only these partition keys; `*` stands for anything
//!     when: UsesUpInitData # optional: a condition of the template
//! alarms:
//!   - id: ReplayedTokens
//!     description: Many refresh tokens were used twice
//!     metric: RefreshTokenReused
//!     seconds: 300
//!     above: 20
//! ```

use super::yaml::{File, Node, Value};

/// A function's file.
pub(crate) struct Function {
    pub(crate) description: String,
    pub(crate) memory: Option<u64>,
    pub(crate) timeout: Option<u64>,
    pub(crate) schedule: Option<String>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) alarms: Vec<Alarm>,
}

/// A statement of the function's role.
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) reason: Option<String>,
    pub(crate) actions: Vec<String>,
    pub(crate) on: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) when: Option<String>,
}

/// An alarm on a metric of the function's own.
pub(crate) struct Alarm {
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) metric: String,
    pub(crate) seconds: u64,
    pub(crate) above: u64,
}

/// What a file may name: the tables and conditions of the template.
pub(crate) struct Known {
    pub(crate) tables: Vec<String>,
    pub(crate) conditions: Vec<String>,
}

impl Function {
    /// Reads a file.
    ///
    /// # Errors
    /// One message, which names the file and the line.
    pub(crate) fn parse(name: &str, text: &str, known: &Known) -> Result<Self, String> {
        let file = File { name };
        let mut fields = Fields::of(file, file.parse(text)?)?;
        let function = Self {
            description: fields.text("description")?,
            memory: fields.optional("memory", |node| number(file, node, 128..=10_240))?,
            timeout: fields.optional("timeout", |node| number(file, node, 1..=900))?,
            schedule: fields.optional("schedule", |node| schedule(file, node))?,
            grants: fields.list("grants", |node| grant(file, node, known))?,
            alarms: fields.list("alarms", |node| alarm(file, node))?,
        };
        fields.finish("description, memory, timeout, schedule, grants, alarms")?;
        let mut ids: Vec<&str> = function.grants.iter().map(|grant| grant.id.as_str()).collect();
        ids.sort_unstable();
        match ids.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(file.at(1, format_args!("the grant `{}` stands twice", pair[0]))),
            None => Ok(function),
        }
    }
}

fn grant(file: File<'_>, node: Node, known: &Known) -> Result<Grant, String> {
    let line = node.line;
    let mut fields = Fields::of(file, node)?;
    let grant = Grant {
        id: fields.text("id")?,
        reason: fields.optional("reason", |node| text(file, node))?,
        actions: fields.list("actions", |node| text(file, node))?,
        on: fields.list("on", |node| {
            let line = node.line;
            let table = text(file, node)?;
            let id = table.split('.').next().unwrap_or_default();
            if known.tables.iter().any(|known| known == id) {
                return Ok(table);
            }
            let tables = known.tables.join(", ");
            Err(file.at(line, format_args!("there is no table `{id}`; there are {tables}")))
        })?,
        keys: fields.list("keys", |node| text(file, node))?,
        when: fields.optional("when", |node| {
            let line = node.line;
            let condition = text(file, node)?;
            if known.conditions.contains(&condition) {
                return Ok(condition);
            }
            Err(file.at(line, format_args!("the template has no condition `{condition}`")))
        })?,
    };
    fields.finish("id, reason, actions, on, keys, when")?;
    if !is_id(&grant.id) {
        return Err(file.at(line, "an id is letters and digits, beginning with a capital"));
    }
    if grant.actions.is_empty() || grant.on.is_empty() {
        return Err(file.at(line, "a grant needs `actions` and the tables they are `on`"));
    }
    if let Some(action) = grant.actions.iter().find(|action| action.contains('*')) {
        return Err(file.at(line, format_args!("`{action}`: name the actions one by one")));
    }
    Ok(grant)
}

/// `rate(…)` or `cron(…)`; EventBridge checks the rest, and `cargo dev` does.
fn schedule(file: File<'_>, node: Node) -> Result<String, String> {
    let line = node.line;
    let schedule = text(file, node)?;
    let is_one = ["rate(", "cron("].iter().any(|kind| schedule.starts_with(kind));
    if is_one && schedule.ends_with(')') {
        Ok(schedule)
    } else {
        Err(file.at(line, "must be `rate(…)` or `cron(…)`, as EventBridge has them"))
    }
}

fn alarm(file: File<'_>, node: Node) -> Result<Alarm, String> {
    let line = node.line;
    let mut fields = Fields::of(file, node)?;
    let alarm = Alarm {
        id: fields.text("id")?,
        description: fields.text("description")?,
        metric: fields.text("metric")?,
        seconds: fields.required("seconds", |node| number(file, node, 60..=86_400))?,
        above: fields.required("above", |node| number(file, node, 0..=u64::MAX))?,
    };
    fields.finish("id, description, metric, seconds, above")?;
    if is_id(&alarm.id) {
        Ok(alarm)
    } else {
        Err(file.at(line, "an id is letters and digits, beginning with a capital"))
    }
}

fn is_id(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn text(file: File<'_>, node: Node) -> Result<String, String> {
    match node.value {
        Value::Text(text) if !text.is_empty() => Ok(text),
        _ => Err(file.at(node.line, "must be a text")),
    }
}

fn number(file: File<'_>, node: Node, range: std::ops::RangeInclusive<u64>) -> Result<u64, String> {
    let line = node.line;
    let number = text(file, node)?.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (least, most) = range.into_inner();
        file.at(line, format_args!("must be a whole number from {least} to {most}"))
    })
}

/// The fields of a mapping, taken one by one; what is left is unknown.
struct Fields<'a> {
    file: File<'a>,
    line: usize,
    left: Vec<(String, Node)>,
}

impl<'a> Fields<'a> {
    fn of(file: File<'a>, node: Node) -> Result<Self, String> {
        match node.value {
            Value::Fields(left) => Ok(Self { file, line: node.line, left }),
            _ => Err(file.at(node.line, "must be fields, `name: value`")),
        }
    }

    fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(Node) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let index = self.left.iter().position(|(field, _)| field == name);
        index.map(|index| parse(self.left.remove(index).1)).transpose()
    }

    fn required<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(Node) -> Result<T, String>,
    ) -> Result<T, String> {
        let found = self.optional(name, parse)?;
        found.ok_or_else(|| self.file.at(self.line, format_args!("`{name}` is missing")))
    }

    fn text(&mut self, name: &str) -> Result<String, String> {
        let file = self.file;
        self.required(name, |node| text(file, node))
    }

    fn list<T>(
        &mut self,
        name: &str,
        parse: impl Fn(Node) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let file = self.file;
        let list = self.optional(name, |node| match node.value {
            Value::List(nodes) => nodes.into_iter().map(parse).collect(),
            _ => Err(file.at(node.line, format_args!("`{name}` must be a list"))),
        })?;
        Ok(list.unwrap_or_default())
    }

    fn finish(self, known: &str) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some((name, node)) => {
                Err(self.file.at(node.line, format_args!("`{name}` is unknown; there are {known}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Function, String> {
        let known = Known {
            tables: ["Main", "Volatile"].map(str::to_owned).into(),
            conditions: vec!["UsesUpInitData".to_owned()],
        };
        Function::parse("functions/greeting/function.yaml", text, &known)
    }

    #[test]
    fn a_file_says_what_a_person_decides() {
        let function = parse(
            "description: Greetings\nmemory: 512\ngrants:\n  - id: ReadGreeting\n    \
             reason: The greeting.\n    actions: [dynamodb:GetItem]\n    on: [Main]\n    \
             keys: [GREETING]\n    when: UsesUpInitData\nalarms:\n  - id: Rude\n    \
             description: Somebody was rude\n    metric: Rudeness\n    seconds: 300\n    above: 2\n",
        );
        let Function { description, memory, timeout, schedule, grants, alarms } = function.unwrap();
        assert_eq!((description.as_str(), memory, timeout), ("Greetings", Some(512), None));
        assert_eq!(schedule, None);
        assert_eq!(grants[0].keys, ["GREETING"]);
        assert_eq!((alarms[0].seconds, alarms[0].above), (300, 2));
    }

    #[test]
    fn a_mistake_is_reported_with_file_and_line() {
        let grant = "description: x\ngrants:\n  - id: Read\n    actions: [dynamodb:GetItem]\n";
        for (text, expected) in [
            ("", ":1: it is empty"),
            ("memory: 128", ":1: `description` is missing"),
            ("description: x\nmemroy: 128", ":2: `memroy` is unknown; there are description,"),
            ("description: x\nmemory: 1", ":2: must be a whole number from 128 to 10240"),
            ("description: x\nschedule: hourly", ":2: must be `rate(…)` or `cron(…)`"),
            ("description: x\ndescription: y", ":2: `description` stands twice"),
            ("description: [", ":2: "),
            ("- a", ":1: must be fields"),
            ("description: x\ngrants: all", ":2: `grants` must be a list"),
            (&format!("{grant}    on: [Users]"), ":5: there is no table `Users`; there are Main,"),
            (grant, ":3: a grant needs `actions` and the tables they are `on`"),
            (
                &format!("{grant}    on: [Main]\n    when: Never"),
                ":6: the template has no condition",
            ),
            (
                &format!("{grant}    on: [Main]\n  - id: Read\n    actions: [a]\n    on: [Main]"),
                ":1: the grant `Read` stands twice",
            ),
            (
                "description: x\ngrants:\n  - id: Any\n    actions: ['dynamodb:*']\n    on: [Main]",
                ":3: `dynamodb:*`: name the actions one by one",
            ),
        ] {
            let error = parse(text).err().unwrap_or_default();
            let expected = format!("functions/greeting/function.yaml{expected}");
            assert!(error.starts_with(&expected), "{text:?}: {error:?} instead of {expected:?}");
        }
    }
}
