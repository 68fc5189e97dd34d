//! RDF statements in canonical form: N-Quads, sorted, with the blank nodes labelled by RDFC-1.0
//! (<https://www.w3.org/TR/rdf-canon/>).
//!
//! Of RDFC-1.0, this is the part for graphs in which no two blank nodes look alike and none is next to
//! another, as in the documents of this crate: there the hash of a node's own statements labels it.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

pub(crate) const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
const XSD: &str = "http://www.w3.org/2001/XMLSchema#";

/// A subject or an object.
#[derive(Clone, Debug)]
pub(crate) enum Term {
    /// A blank node with a name that means nothing.
    Blank(&'static str),
    /// An IRI or a literal, as N-Quads has it.
    Written(String),
}

pub(crate) fn iri(text: &str) -> Term {
    Term::Written(format!("<{text}>"))
}

/// A literal of the type `xsd:string`, which is not written.
pub(crate) fn literal(text: &str) -> Term {
    Term::Written(format!("\"{}\"", escaped(text)))
}

/// A literal of a type of XML Schema.
pub(crate) fn xsd(text: &str, datatype: &str) -> Term {
    typed(text, &format!("{XSD}{datatype}"))
}

pub(crate) fn typed(text: &str, datatype: &str) -> Term {
    Term::Written(format!("\"{}\"^^<{datatype}>", escaped(text)))
}

/// Escapes what canonical N-Quads escapes, and nothing else.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\u{8}' => written.push_str("\\b"),
            '\t' => written.push_str("\\t"),
            '\n' => written.push_str("\\n"),
            '\u{c}' => written.push_str("\\f"),
            '\r' => written.push_str("\\r"),
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                written.push_str(&format!("\\u{:04X}", u32::from(char)));
            }
            _ => written.push(char),
        }
    }
    written
}

/// Statements.
#[derive(Debug, Default)]
pub(crate) struct Graph(Vec<(Term, String, Term)>);

impl Graph {
    pub(crate) fn add(&mut self, subject: &Term, predicate: &str, object: Term) {
        self.0.push((subject.clone(), format!("<{predicate}>"), object));
    }

    /// The canonical form.
    pub(crate) fn canonical(&self) -> String {
        let labels = self.labels();
        let label = |name: &'static str| labels.get(name).map_or("", String::as_str);
        let mut lines: Vec<String> = self.lines(label).collect();
        // Lines that differ in a literal only do not occur, so UTF-8 sorts as UTF-16 would.
        lines.sort_unstable();
        lines.concat()
    }

    /// The labels of the blank nodes: numbered in the order of their first-degree hashes.
    fn labels(&self) -> BTreeMap<&'static str, String> {
        let mut hashed: BTreeMap<&'static str, String> = BTreeMap::new();
        for name in self.blanks() {
            let label = |other| if other == name { "_:a" } else { "_:z" };
            let with_node =
                Self(self.0.iter().filter(|line| mentions(line, name)).cloned().collect());
            let mut lines: Vec<String> = with_node.lines(label).collect();
            lines.sort_unstable();
            hashed.insert(name, hex(&Sha256::digest(lines.concat())));
        }
        let mut order: Vec<_> = hashed.into_iter().collect();
        order.sort_unstable_by(|one, other| one.1.cmp(&other.1));
        let numbered = order.into_iter().zip(0_u32..);
        numbered.map(|((name, _), number)| (name, format!("_:c14n{number}"))).collect()
    }

    fn blanks(&self) -> Vec<&'static str> {
        let terms = self.0.iter().flat_map(|(subject, _, object)| [subject, object]);
        terms
            .filter_map(|term| match term {
                Term::Blank(name) => Some(*name),
                Term::Written(_) => None,
            })
            .collect()
    }

    fn lines<'a>(
        &'a self,
        label: impl Fn(&'static str) -> &'a str + 'a,
    ) -> impl Iterator<Item = String> + 'a {
        self.0.iter().map(move |(subject, predicate, object)| {
            let write = |term: &'a Term| match term {
                Term::Blank(name) => label(name),
                Term::Written(text) => text,
            };
            format!("{} {predicate} {} .\n", write(subject), write(object))
        })
    }
}

fn mentions((subject, _, object): &(Term, String, Term), name: &str) -> bool {
    [subject, object].iter().any(|term| matches!(term, Term::Blank(other) if *other == name))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_n_quads_escapes_is_escaped() {
        let text = "a\"\\\t\n\r\u{8}\u{c}\u{0}\u{b}\u{1f}\u{7f}\u{80}é🦀";
        assert_eq!(escaped(text), "a\\\"\\\\\\t\\n\\r\\b\\f\\u0000\\u000B\\u001F\\u007F\u{80}é🦀");
    }

    #[test]
    fn labels_follow_the_hashes_and_not_the_names() {
        let graph = |one: &'static str, other: &'static str| {
            let mut graph = Graph::default();
            graph.add(&iri("urn:s"), "urn:p", Term::Blank(one));
            graph.add(&iri("urn:s"), "urn:p", Term::Blank(other));
            graph.add(&Term::Blank(one), "urn:q", literal("one"));
            graph.add(&Term::Blank(other), "urn:q", literal("other"));
            graph.canonical()
        };
        let canonical = graph("a", "b");
        assert_eq!(canonical, graph("z", "y"));
        assert_eq!(canonical.matches("_:c14n").count(), 4);
        assert!(canonical.ends_with(" .\n"));
    }
}
