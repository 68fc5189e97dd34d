//! YAML as CloudFormation reads it: short forms of its functions, `!Ref X`, are the long ones,
//! `{"Ref": "X"}`. Anchors and aliases, which CloudFormation refuses, are refused.

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value, json};

/// A template as JSON.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut events = Parser::new_from_str(text).map(|event| match event {
        Ok((event, _)) => Ok(event),
        Err(error) => Err(error.to_string()),
    });
    loop {
        match next(&mut events)? {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            event => return value(event, &mut events),
        }
    }
}

fn next<'a>(
    events: &mut impl Iterator<Item = Result<Event<'a>, String>>,
) -> Result<Event<'a>, String> {
    events.next().unwrap_or_else(|| Err("it ends early".to_owned()))
}

/// The value that begins with this event. A template is nested a dozen levels deep at most, and it
/// is our own, so recursion is bounded.
fn value<'a>(
    first: Event<'a>,
    events: &mut impl Iterator<Item = Result<Event<'a>, String>>,
) -> Result<Value, String> {
    match first {
        Event::Scalar(text, style, _, tag) => {
            let plain = style == ScalarStyle::Plain && tag.is_none();
            let value = if plain { scalar(&text) } else { text.as_ref().into() };
            Ok(with_function(tag.as_deref(), value))
        }
        Event::SequenceStart(_, tag) => {
            let mut values = Vec::new();
            loop {
                match next(events)? {
                    Event::SequenceEnd => return Ok(with_function(tag.as_deref(), values.into())),
                    event => values.push(value(event, events)?),
                }
            }
        }
        Event::MappingStart(_, tag) => {
            let mut fields = Map::new();
            loop {
                let name = match next(events)? {
                    Event::MappingEnd => return Ok(with_function(tag.as_deref(), fields.into())),
                    Event::Scalar(name, ..) => name.into_owned(),
                    _ => return Err("a key is not a text".to_owned()),
                };
                let first = next(events)?;
                fields.insert(name, value(first, events)?);
            }
        }
        Event::Alias(_) => Err("it has an alias, which CloudFormation does not take".to_owned()),
        event => Err(format!("{event:?} where a value should be")),
    }
}

fn with_function(tag: Option<&Tag>, value: Value) -> Value {
    match tag.map(|tag| tag.suffix.as_str()) {
        None => value,
        Some(name @ ("Ref" | "Condition")) => json!({ name: value }),
        Some(name) => json!({ format!("Fn::{name}"): value }),
    }
}

fn scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => true.into(),
        "false" => false.into(),
        _ => text.parse().map(|number: i64| number.into()).unwrap_or_else(|_| text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_their_long_form() {
        let text = "
a: !Ref X
b: !Sub '${X}-y'
c: !GetAtt X.Arn
d: !If [IsLocal, !Ref AWS::NoValue, {e: 1}]
f: [true, 'true', 1, '1', 1.5, ~]
";
        let expected = json!({
            "a": { "Ref": "X" },
            "b": { "Fn::Sub": "${X}-y" },
            "c": { "Fn::GetAtt": "X.Arn" },
            "d": { "Fn::If": ["IsLocal", { "Ref": "AWS::NoValue" }, { "e": 1 }] },
            "f": [true, "true", 1, "1", "1.5", null],
        });
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn what_cloudformation_refuses_is_refused() {
        for text in ["a: &x 1\nb: *x", "a: [1", "[a]: 1", "", "a: {b: 'c}"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
