//! Licence expressions: is one of the choices of a crate among those that we accept?

/// The licences that the project accepts, by their SPDX names. They ask for a notice and no more.
const ACCEPTED: [&str; 6] = ["Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "Unicode-3.0", "Zlib"];

/// Whether the terms of this SPDX expression can be met with the accepted licences alone.
///
/// `/` is the old way to write `OR`. `WITH` names an exception that only gives more rights.
pub(crate) fn is_accepted(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    any(&mut rest) == Some(true) && rest.is_empty()
}

/// `term (OR term)*`; nothing if the expression is malformed.
fn any(rest: &mut &[&str]) -> Option<bool> {
    let mut is_accepted = all(rest)?;
    while take(rest, "OR") {
        is_accepted |= all(rest)?;
    }
    Some(is_accepted)
}

/// `licence (AND licence)*`
fn all(rest: &mut &[&str]) -> Option<bool> {
    let mut is_accepted = one(rest)?;
    while take(rest, "AND") {
        is_accepted &= one(rest)?;
    }
    Some(is_accepted)
}

/// `name`, `name WITH exception` or `(expression)`
fn one(rest: &mut &[&str]) -> Option<bool> {
    if take(rest, "(") {
        let is_accepted = any(rest)?;
        return take(rest, ")").then_some(is_accepted);
    }
    let name = next(rest)?;
    if take(rest, "WITH") {
        next(rest)?;
    }
    Some(ACCEPTED.contains(&name))
}

fn take(rest: &mut &[&str], token: &str) -> bool {
    let is_next = rest.first() == Some(&token);
    if is_next {
        *rest = &rest[1..];
    }
    is_next
}

fn next<'a>(rest: &mut &[&'a str]) -> Option<&'a str> {
    let (first, others) = rest.split_first()?;
    *rest = others;
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::is_accepted;

    #[test]
    fn an_expression_is_accepted_if_one_choice_is() {
        for (expression, expected) in [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/Apache-2.0", true),
            ("Apache-2.0 / MIT", true),
            ("GPL-3.0-only OR MIT", true),
            ("MIT AND BSD-3-Clause", true),
            ("(MIT OR GPL-3.0-only) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", true),
            ("GPL-3.0-only", false),
            ("MIT AND GPL-3.0-only", false),
            ("MIT AND (GPL-3.0-only OR MPL-2.0)", false),
            ("GPL-2.0-only WITH Classpath-exception-2.0", false),
            ("mit", false),
            ("", false),
            ("MIT OR", false),
            ("(MIT", false),
            ("MIT Apache-2.0", false),
        ] {
            assert_eq!(is_accepted(expression), expected, "{expression}");
        }
    }
}
