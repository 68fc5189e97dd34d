//! Numbers as people write them: exact decimals, so that 0.1 + 0.2 is 0.3.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::InvalidField;

/// A decimal number from -999,999,999,999 to 999,999,999,999
/// in steps of 0.000000001. In JSON it is a text such as `"-2.5"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Decimal(i128);

impl Decimal {
    const DIGITS: usize = 9;
    const ONE: i128 = 1_000_000_000;
    const MAX_WHOLE: i128 = 999_999_999_999;

    /// This number less another one.
    pub fn minus(self, other: Self) -> Option<Self> {
        Self::within(self.0 - other.0)
    }

    /// This number and another one.
    pub fn plus(self, other: Self) -> Option<Self> {
        Self::within(self.0 + other.0)
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    fn within(billionths: i128) -> Option<Self> {
        (billionths.abs() <= Self::MAX_WHOLE * Self::ONE).then_some(Self(billionths))
    }

    /// Reads an optional sign, digits, and perhaps a point and up to nine more digits.
    fn read(text: &str) -> Option<Self> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let fits = !(whole.is_empty() && fraction.is_empty())
            && whole.len() <= 12
            && fraction.len() <= Self::DIGITS
            && are_digits(whole)
            && are_digits(fraction);
        if !fits {
            return None;
        }
        let part = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<i128>().ok() };
        let fraction = part(&format!("{fraction:0<9}"))?;
        Self::within(sign * (part(whole)? * Self::ONE + fraction))
    }
}

impl FromStr for Decimal {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let expected = "a decimal number of at most 12 digits before and 9 after the point";
        Self::read(text).ok_or(InvalidField::new(expected))
    }
}

impl TryFrom<String> for Decimal {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        text.parse()
    }
}

impl From<Decimal> for String {
    fn from(number: Decimal) -> Self {
        number.to_string()
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0.abs() / Self::ONE, self.0.abs() % Self::ONE);
        let sign = if self.is_negative() { "-" } else { "" };
        if fraction == 0 {
            return write!(formatter, "{sign}{whole}");
        }
        let fraction = format!("{fraction:09}");
        write!(formatter, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Decimal({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn a_decimal_is_exact_and_has_one_spelling() {
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(number("0.1").plus(number("0.2")), Some(number("0.3")));
        for (text, canonical) in [
            ("3.140", "3.14"),
            ("-0", "0"),
            (".5", "0.5"),
            ("+7.", "7"),
            ("-2.000000001", "-2.000000001"),
        ] {
            assert_eq!(number(text).to_string(), canonical);
        }
        assert!(number("-1") < number("0.5"));
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in
            ["", "-", ".", "1e3", "0x1", "1,5", "1.0000000001", "1234567890123", "NaN", " 1", "--1"]
        {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
        let largest: Decimal = "999999999999".parse().unwrap();
        assert_eq!(largest.plus("0.000000001".parse().unwrap()), None);
    }
}
