//! Percent in files, basis points in quizzes.

use minigate_domain::quizzes::Decimal;

/// All of it, in basis points.
pub(crate) const FULL: i32 = 10_000;

/// A percentage as basis points, rounded to the nearest; nothing beyond −100 to 100 percent.
pub(crate) fn basis_points(percent: Decimal) -> Option<i32> {
    let text = percent.to_string();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = format!("{fraction:0<9}");
    let whole: i128 = whole.parse().ok()?;
    let billionths = whole * 1_000_000_000 + fraction.parse::<i128>().ok()?;
    let rounded = i32::try_from((billionths + 5_000_000) / 10_000_000).ok()?;
    (billionths <= 100_000_000_000).then_some(sign * rounded)
}

/// Parts of a whole in basis points, so that they add up to it: rounded down, and the rest to the first.
pub(crate) fn scaled(parts: &[i32]) -> Vec<i32> {
    let total: i64 = parts.iter().map(|part| i64::from(*part)).sum();
    if total <= 0 {
        return parts.to_vec();
    }
    let scale = |part: &i32| i64::from(*part) * i64::from(FULL) / total;
    let mut scaled: Vec<i64> = parts.iter().map(scale).collect();
    let rest = i64::from(FULL) - scaled.iter().sum::<i64>();
    for (_, part) in (0..rest).zip(scaled.iter_mut().filter(|part| **part > 0)) {
        *part += 1;
    }
    scaled.into_iter().map(|part| i32::try_from(part).unwrap_or(FULL)).collect()
}

#[cfg(test)]
mod tests {
    use super::{basis_points, scaled};

    #[test]
    fn percent_is_rounded_to_basis_points() {
        for (percent, points) in [
            ("100", Some(10_000)),
            ("-33.33333", Some(-3_333)),
            ("16.666", Some(1_667)),
            ("0", Some(0)),
            ("100.001", None),
            ("-101", None),
            ("999999999999", None),
        ] {
            assert_eq!(basis_points(percent.parse().unwrap()), points, "{percent}");
        }
    }

    #[test]
    fn parts_add_up() {
        assert_eq!(scaled(&[3_333, 3_333, 3_333]), [3_334, 3_333, 3_333]);
        assert_eq!(scaled(&[4_000, 4_000]), [5_000, 5_000]);
        assert_eq!(scaled(&[10_000; 3]), [3_334, 3_333, 3_333]);
        assert_eq!(scaled(&[0]), [0]);
    }
}
