//! XML as a tree, with limits and without entities of its own.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesRef, BytesStart, Event},
};

use crate::{
    MAX_DEPTH,
    report::{Reason, Refusal},
};

/// An element.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Where it begins, from 1.
    pub(super) line: u32,
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    /// All text that stands directly in it.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text in `<text>`, or directly in the element.
    pub(super) fn value(&self) -> &str {
        self.child("text").map_or(self.text.as_str(), |text| text.text.as_str()).trim()
    }
}

/// Reads a document.
pub(super) fn read(text: &str) -> Result<Element, Refusal> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().enable_all_checks(true);
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let line = lines.of(reader.buffer_position());
        let event = reader.read_event().map_err(|error| {
            let line = lines.of(reader.error_position());
            malformed(line, error.to_string())
        })?;
        let done = match event {
            Event::Start(start) => {
                if open.len() == MAX_DEPTH {
                    let detail = format!("elements are nested more than {MAX_DEPTH} deep");
                    return Err(Refusal::new(Reason::TooDeep, detail).at(line));
                }
                open.push(element(&start, line)?);
                None
            }
            Event::Empty(start) => Some(element(&start, line)?),
            Event::End(_) => open.pop(),
            Event::Text(text) => {
                add(&mut open, &text.xml10_content(), line)?;
                None
            }
            Event::CData(text) => {
                add(&mut open, &text.xml10_content(), line)?;
                None
            }
            Event::GeneralRef(reference) => {
                let character = resolve(&reference, line)?;
                add(&mut open, character.encode_utf8(&mut [0; 4]), line)?;
                None
            }
            Event::DocType(_) => {
                let detail = "a document type may define entities, so none is read";
                return Err(Refusal::new(Reason::XmlEntity, detail).at(line));
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => None,
            Event::Eof => break,
        };
        let Some(done) = done else { continue };
        match open.last_mut() {
            Some(parent) => parent.children.push(done),
            None if root.is_none() => root = Some(done),
            None => return Err(malformed(line, "there is a second root element")),
        }
    }
    if let Some(unclosed) = open.last() {
        return Err(malformed(unclosed.line, format!("<{}> is not closed", unclosed.name)));
    }
    root.ok_or_else(|| malformed(1, "there is no element"))
}

fn malformed(line: u32, detail: impl Into<String>) -> Refusal {
    Refusal::new(Reason::MalformedXml, detail).at(line)
}

fn element(start: &BytesStart<'_>, line: u32) -> Result<Element, Refusal> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| malformed(line, error.to_string()))?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| Refusal::new(Reason::XmlEntity, error.to_string()).at(line))?;
        attributes.push((attribute.key.into_inner().to_owned(), value.into_owned()));
    }
    let name = start.name().into_inner().to_owned();
    Ok(Element { line, name, attributes, ..Element::default() })
}

fn add(open: &mut [Element], text: &str, line: u32) -> Result<(), Refusal> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(malformed(line, "text stands outside the root element")),
    }
    Ok(())
}

/// One of the five entities of XML, or a character by its number.
fn resolve(reference: &BytesRef<'_>, line: u32) -> Result<char, Refusal> {
    let of_number = reference.resolve_char_ref();
    match of_number.map_err(|error| malformed(line, error.to_string()))? {
        Some(character) => Ok(character),
        None => Ok(match &**reference {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            other => {
                let detail = format!("the entity &{other}; is not one of XML's five");
                return Err(Refusal::new(Reason::XmlEntity, detail).at(line));
            }
        }),
    }
}

/// The line of an offset, for offsets that grow.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl Lines<'_> {
    fn of(&mut self, offset: u64) -> u32 {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.text.len());
        if let Some(passed) = self.text.as_bytes().get(self.at..offset) {
            let breaks = passed.iter().filter(|byte| **byte == b'\n').count();
            self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
            self.at = offset;
        }
        self.line
    }
}
