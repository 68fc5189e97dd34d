//! Metrics in CloudWatch's embedded metric format: one line of JSON on standard output, which
//! CloudWatch turns into a metric without a call.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::{io::Write, sync::Arc};

use minigate_domain::Clock;
use serde_json::{Value, json};

/// What is counted: events that an operator wants an alarm for, and what the limits do.
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
    /// What administrators have changed of the limits cannot be read; the last good policies hold.
    PoliciesUnavailable,
    /// What administrators have changed of the limits makes no good policy; the last good ones hold.
    PoliciesMalformed,
    /// Requests that the limits let pass.
    LimitAdmitted,
    /// Requests that a limit refused.
    LimitDenied,
    /// Times that a limit in shadow mode would have refused a request.
    LimitShadowDenied,
    /// Limits decided without the limiter's table, because it did not answer.
    LimitWithoutStore,
    /// Calls of the limiter without an answer.
    LimitStoreErrors,
    /// Calls of the limiter.
    LimitCalls,
    /// Units that the limiter took.
    LimitUnitsTaken,
    /// Units that the limiter took and that were neither spent nor given back.
    LimitUnitsWasted,
    /// Lookups of the cache that a fresh value answered.
    CacheHits,
    /// Lookups of the cache that a value past its time answered.
    CacheStale,
    /// Lookups of the cache that a load, or nothing, answered.
    CacheMisses,
    /// Loads of the cache that failed.
    CacheLoadErrors,
    /// Calls of the cache to its table.
    CacheTableCalls,
    /// Calls of the cache without an answer.
    CacheTableErrors,
    /// A function of events failed through no fault of who sent the event.
    EventFailed,
    /// Messages of a queue that were handled.
    MessagesHandled,
    /// Messages of a queue whose effect was there before.
    MessagesRepeated,
    /// Messages of a queue that failed, and come again.
    MessagesFailed,
    /// Messages of a queue that nobody can read: no JSON, of an unknown version, of a wrong shape.
    MessagesPoison,
    /// Effects of an outbox that were performed.
    EffectsPerformed,
    /// Effects of an outbox that are tried again.
    EffectsRetried,
    /// Effects of an outbox that were given up without having happened.
    EffectsParked,
    /// Effects of an outbox of which nobody knows whether they happened, and that are not repeated.
    EffectsUnknown,
    /// Items of an outbox that do not decode.
    EffectsMalformed,
}

impl Metric {
    const fn name(self) -> &'static str {
        match self {
            Self::SecretUnavailable => "SecretUnavailable",
            Self::SecretMalformed => "SecretMalformed",
            Self::RefreshTokenReused => "RefreshTokenReused",
            Self::Panic => "Panic",
            Self::PoliciesUnavailable => "PoliciesUnavailable",
            Self::PoliciesMalformed => "PoliciesMalformed",
            Self::LimitAdmitted => "LimitAdmitted",
            Self::LimitDenied => "LimitDenied",
            Self::LimitShadowDenied => "LimitShadowDenied",
            Self::LimitWithoutStore => "LimitWithoutStore",
            Self::LimitStoreErrors => "LimitStoreErrors",
            Self::LimitCalls => "LimitCalls",
            Self::LimitUnitsTaken => "LimitUnitsTaken",
            Self::LimitUnitsWasted => "LimitUnitsWasted",
            Self::CacheHits => "CacheHits",
            Self::CacheStale => "CacheStale",
            Self::CacheMisses => "CacheMisses",
            Self::CacheLoadErrors => "CacheLoadErrors",
            Self::CacheTableCalls => "CacheTableCalls",
            Self::CacheTableErrors => "CacheTableErrors",
            Self::EventFailed => "EventFailed",
            Self::MessagesHandled => "MessagesHandled",
            Self::MessagesRepeated => "MessagesRepeated",
            Self::MessagesFailed => "MessagesFailed",
            Self::MessagesPoison => "MessagesPoison",
            Self::EffectsPerformed => "EffectsPerformed",
            Self::EffectsRetried => "EffectsRetried",
            Self::EffectsParked => "EffectsParked",
            Self::EffectsUnknown => "EffectsUnknown",
            Self::EffectsMalformed => "EffectsMalformed",
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
        self.add(&[(metric, 1)]);
    }

    /// Counts several at once, in one line; those of zero are left out.
    pub fn add(&self, counts: &[(Metric, u64)]) {
        self.add_of(None, counts);
    }

    /// The same for a namespace of the cache. The line names it, so that the log can be searched for
    /// it; the metrics are those of all namespaces, because each dimension more is one to pay for.
    pub fn add_of(&self, namespace: Option<&str>, counts: &[(Metric, u64)]) {
        let counts: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).copied().collect();
        if self.is_on && !counts.is_empty() {
            // A metric that cannot be written is not worth failing a request for.
            let _ = writeln!(std::io::stdout().lock(), "{}", self.line(namespace, &counts));
        }
    }

    fn line(&self, namespace: Option<&str>, counts: &[(Metric, u64)]) -> Value {
        let definition =
            |(metric, _): &(Metric, u64)| json!({ "Name": metric.name(), "Unit": "Count" });
        let mut line = json!({
            "_aws": {
                "Timestamp": self.clock.now().unix_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": "minigate",
                    "Dimensions": [["function"]],
                    "Metrics": counts.iter().map(definition).collect::<Vec<_>>(),
                }],
            },
            "function": &*self.function,
        });
        if let Some(namespace) = namespace {
            line["cache"] = namespace.into();
        }
        for (metric, count) in counts {
            line[metric.name()] = (*count).into();
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;

    #[test]
    fn a_line_has_the_documented_shape() {
        let counts = [(Metric::SecretUnavailable, 1), (Metric::LimitCalls, 7)];
        let of_sessions = Metrics::new(Arc::new(SystemClock), "sessions");
        let line = of_sessions.line(None, &counts);
        assert_eq!(line["SecretUnavailable"], 1);
        assert_eq!(line["LimitCalls"], 7);
        assert_eq!(line["function"], "sessions");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0][0], "function");
        let metrics = &line["_aws"]["CloudWatchMetrics"][0]["Metrics"];
        assert_eq!(metrics[0]["Name"], "SecretUnavailable");
        assert_eq!(metrics[1], json!({ "Name": "LimitCalls", "Unit": "Count" }));
        assert!(
            line["_aws"]["Timestamp"].as_u64().is_some_and(|millis| millis > 1_700_000_000_000)
        );
        assert!(line.get("cache").is_none());
        let of_namespace = of_sessions.line(Some("account"), &counts);
        assert_eq!(of_namespace["cache"], "account");
        let dimensions = &of_namespace["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        assert_eq!(*dimensions, json!([["function"]]));
    }
}
