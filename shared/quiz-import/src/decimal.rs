//! Decimal numbers that are kept exactly.

use std::{fmt, str::FromStr};

/// Digits after the point.
const SCALE: usize = 9;
const ONE: i64 = 1_000_000_000;

/// A decimal of up to nine digits before and nine after its point, kept exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(i64);

/// The text is no such number, or one with more digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotDecimal;

impl Decimal {
    /// Nought.
    pub const ZERO: Self = Self(0);

    /// Without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// In units of 10⁻⁹.
    #[must_use]
    pub const fn billionths(self) -> i64 {
        self.0
    }

    /// The sum; the bounds of the parts keep it exact.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<i32> for Decimal {
    fn from(whole: i32) -> Self {
        Self(i64::from(whole) * ONE)
    }
}

impl FromStr for Decimal {
    type Err = NotDecimal;

    fn from_str(text: &str) -> Result<Self, NotDecimal> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                (mantissa, exponent.parse::<i8>().map_err(|_| NotDecimal)?)
            }
            None => (digits, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = || whole.bytes().chain(fraction.bytes());
        // As many as any number that can be kept may have, with its exponent.
        if all().count() == 0 || all().count() > 40 || !all().all(|it| it.is_ascii_digit()) {
            return Err(NotDecimal);
        }
        let value = all().try_fold(0_i128, |sum, digit| {
            sum.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
        });
        let shift = SCALE as i32 + i32::from(exponent) - fraction.len() as i32;
        let power = 10_i128.checked_pow(shift.unsigned_abs()).ok_or(NotDecimal)?;
        let value = value.ok_or(NotDecimal)?;
        let value = match shift {
            0.. => value.checked_mul(power).ok_or(NotDecimal)?,
            _ if value % power == 0 => value / power,
            _ => return Err(NotDecimal),
        };
        if value >= i128::from(ONE) * i128::from(ONE) {
            return Err(NotDecimal);
        }
        let value = i64::try_from(value).map_err(|_| NotDecimal)?;
        Ok(Self(if is_negative { -value } else { value }))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0.unsigned_abs() / ONE as u64, self.0.unsigned_abs() % ONE as u64);
        let sign = if self.0 < 0 { "-" } else { "" };
        let fraction = format!("{fraction:09}");
        match fraction.trim_end_matches('0') {
            "" => write!(formatter, "{sign}{whole}"),
            fraction => write!(formatter, "{sign}{whole}.{fraction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn decimals_are_kept_exactly() {
        for (text, kept) in [
            ("0", "0"),
            ("-0", "0"),
            ("+3.1415", "3.1415"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-3.142000000000", "-3.142"),
            ("6.02e3", "6020"),
            ("1e-9", "0.000000001"),
            ("999999999.999999999", "999999999.999999999"),
        ] {
            assert_eq!(text.parse::<Decimal>().map(|it| it.to_string()), Ok(kept.to_owned()));
        }
        for wrong in ["", "-", ".", "1,5", "0x1", "1e-10", "1e300", "1e10", "1000000000", "٣", "1 2", "--1"] {
            assert!(wrong.parse::<Decimal>().is_err(), "{wrong}");
        }
    }
}
