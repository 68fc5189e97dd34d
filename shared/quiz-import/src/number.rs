//! Numbers with more digits than a quiz can hold.

use minigate_domain::quizzes::Decimal;

/// Digits behind the point.
const DIGITS: usize = 9;

/// A number, rounded to nine digits behind its point if it has more; the flag says so.
pub(crate) fn read(text: &str) -> Option<(Decimal, bool)> {
    if let Ok(number) = text.parse() {
        return Some((number, false));
    }
    let (whole, fraction) = text.split_once('.')?;
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (kept, rest) = fraction.split_at_checked(DIGITS)?;
    let cut = format!("{whole}.{kept}").parse::<Decimal>().ok()?;
    let step = "0.000000001".parse().ok()?;
    let rounded = match rest.bytes().next() {
        Some(b'5'..) if whole.starts_with('-') => cut.minus(step)?,
        Some(b'5'..) => cut.plus(step)?,
        _ => cut,
    };
    Some((rounded, rest.bytes().any(|digit| digit != b'0')))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn numbers_are_rounded_where_they_must_be() {
        for (text, number) in [
            ("3.14159265358979", Some(("3.141592654", true))),
            ("-0.00000000051", Some(("-0.000000001", true))),
            ("2.0000000000", Some(("2", false))),
            ("1.5", Some(("1.5", false))),
            ("9999999999999.00000000001", None),
            ("1.00000000000x", None),
            ("1.0000000000é", None),
            ("1e3", None),
            ("", None),
        ] {
            let read = read(text).map(|(number, is_rounded)| (number.to_string(), is_rounded));
            let number = number.map(|(number, is_rounded)| (number.to_owned(), is_rounded));
            assert_eq!(read, number, "{text}");
        }
    }
}
