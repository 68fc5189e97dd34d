//! A small YAML file with the line of everything in it, so that a mistake is reported as
//! `functions/greeting/function.yaml:7: ...`.

use std::fmt::Display;

use saphyr_parser::{Event, Parser, ScanError, Span};

/// A value and the line it begins on.
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

pub(crate) enum Value {
    Text(String),
    List(Vec<Node>),
    Fields(Vec<(String, Node)>),
}

trait Events<'i>: Iterator<Item = Result<(Event<'i>, Span), ScanError>> {}

impl<'i, I: Iterator<Item = Result<(Event<'i>, Span), ScanError>>> Events<'i> for I {}

/// A file being read: its name, for messages.
#[derive(Clone, Copy)]
pub(crate) struct File<'a> {
    pub(crate) name: &'a str,
}

impl File<'_> {
    /// Reads the one document of the file.
    pub(crate) fn parse(self, text: &str) -> Result<Node, String> {
        let mut events = Parser::new_from_str(text);
        loop {
            match self.next(&mut events)? {
                (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
                (Event::StreamEnd | Event::DocumentEnd, _) => return Err(self.at(1, "it is empty")),
                (event, span) => return self.node(event, span, &mut events),
            }
        }
    }

    /// A message about a line of the file.
    pub(crate) fn at(self, line: usize, what: impl Display) -> String {
        format!("{}:{line}: {what}", self.name)
    }

    fn next<'i>(self, events: &mut impl Events<'i>) -> Result<(Event<'i>, Span), String> {
        match events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.at(error.marker().line(), error.info())),
            None => Err(self.at(1, "it ends early")),
        }
    }

    /// The value that begins with this event. The files are ours and a few levels deep, so the
    /// recursion is bounded.
    fn node<'i>(
        self,
        first: Event<'i>,
        span: Span,
        events: &mut impl Events<'i>,
    ) -> Result<Node, String> {
        let line = span.start.line();
        let value = match first {
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::SequenceStart(..) => {
                let mut nodes = Vec::new();
                loop {
                    match self.next(events)? {
                        (Event::SequenceEnd, _) => break Value::List(nodes),
                        (event, span) => nodes.push(self.node(event, span, events)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut fields: Vec<(String, Node)> = Vec::new();
                loop {
                    let (name, line) = match self.next(events)? {
                        (Event::MappingEnd, _) => break Value::Fields(fields),
                        (Event::Scalar(name, ..), span) => (name.into_owned(), span.start.line()),
                        (_, span) => return Err(self.at(span.start.line(), "a key must be a text")),
                    };
                    if fields.iter().any(|(known, _)| *known == name) {
                        return Err(self.at(line, format_args!("`{name}` stands twice")));
                    }
                    let (event, span) = self.next(events)?;
                    let node = self.node(event, span, events)?;
                    // The line of the key: that of an empty value may be the next one.
                    fields.push((name, Node { line, ..node }));
                }
            }
            _ => return Err(self.at(line, "only texts, lists and fields are used here")),
        };
        Ok(Node { line, value })
    }
}
