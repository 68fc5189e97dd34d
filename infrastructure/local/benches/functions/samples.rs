//! Measured times, and what is said of them.

use std::{fmt, time::Duration};

/// Times of the same thing. They show as `median (least, nine tenths)`, in milliseconds.
#[derive(Clone, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn median(&self) -> Option<Duration> {
        self.quantile(0.5)
    }

    fn quantile(&self, share: f64) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "the numbers are small and positive"
        )]
        let index = (last as f64 * share).round() as usize;
        sorted.get(index).copied()
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quantiles = [0.5, 0.0, 0.9].map(|share| self.quantile(share));
        let [Some(median), Some(least), Some(most)] = quantiles else {
            return formatter.pad("–");
        };
        let text = format!("{} ({}, {})", millis(median), millis(least), millis(most));
        formatter.pad(&text)
    }
}

/// Milliseconds with three digits or so.
pub(crate) fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    let digits = if millis >= 100.0 {
        0
    } else if millis >= 10.0 {
        1
    } else if millis >= 1.0 {
        2
    } else {
        3
    };
    format!("{millis:.digits$}")
}
