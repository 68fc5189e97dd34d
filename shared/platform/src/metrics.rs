//! Metrics in CloudWatch's embedded metric format: one line of JSON on standard output, which
//! CloudWatch turns into a metric without a call.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::{io::Write, sync::Arc};

use minigate_domain::Clock;
use serde_json::json;

/// What is counted. Each is an event that an operator wants an alarm for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A secret could not be fetched; the last good value is served, or 503 if there is none.
    SecretUnavailable,
    /// A secret does not have the shape that it must have.
    SecretMalformed,
    /// A refresh token was used twice, and its session ended.
    RefreshTokenReused,
    /// A handler panicked.
    Panic,
    /// A function of events failed through no fault of who sent the event.
    EventFailed,
}

impl Metric {
    const fn name(self) -> &'static str {
        match self {
            Self::SecretUnavailable => "SecretUnavailable",
            Self::SecretMalformed => "SecretMalformed",
            Self::RefreshTokenReused => "RefreshTokenReused",
            Self::Panic => "Panic",
            Self::EventFailed => "EventFailed",
        }
    }
}

/// Where metrics go. Clones share it.
#[derive(Clone)]
pub struct Metrics {
    clock: Arc<dyn Clock>,
    function: Arc<str>,
    is_on: bool,
}

impl Metrics {
    /// Metrics of the function with this name. Without a name, outside of Lambda, they are off.
    pub fn new(clock: Arc<dyn Clock>, function: &str) -> Self {
        Self { clock, function: function.into(), is_on: !function.is_empty() }
    }

    /// Counts one event.
    pub fn count(&self, metric: Metric) {
        tracing::debug!(metric = metric.name(), "counted");
        if self.is_on {
            // A metric that cannot be written is not worth failing a request for.
            let _ = writeln!(std::io::stdout().lock(), "{}", self.line(metric));
        }
    }

    fn line(&self, metric: Metric) -> serde_json::Value {
        let name = metric.name();
        json!({
            "_aws": {
                "Timestamp": self.clock.now().unix_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": "minigate",
                    "Dimensions": [["function"]],
                    "Metrics": [{ "Name": name, "Unit": "Count" }],
                }],
            },
            "function": &*self.function,
            name: 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;

    #[test]
    fn a_line_has_the_documented_shape() {
        let line = Metrics::new(Arc::new(SystemClock), "sessions").line(Metric::SecretUnavailable);
        assert_eq!(line["SecretUnavailable"], 1);
        assert_eq!(line["function"], "sessions");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0][0], "function");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "SecretUnavailable");
        assert!(
            line["_aws"]["Timestamp"].as_u64().is_some_and(|millis| millis > 1_700_000_000_000)
        );
    }
}
