//! Metrics in CloudWatch's embedded metric format: one line of JSON on standard output, which
//! CloudWatch turns into a metric without a call.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::{io::Write, sync::Arc};

use minigate_domain::Clock;
use serde_json::{Value, json};

/// Something that is counted. A metric is a constant, so that an unknown one does not compile; those of
/// the platform are constants of this type, and those of a noun are constants of the noun:
///
/// ```
/// use minigate_platform::Metric;
///
/// /// Quizzes that were handed in.
/// const QUIZZES_SUBMITTED: Metric = Metric::of_function("QuizzesSubmitted");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    name: &'static str,
    dimensions: &'static [&'static str],
    unit: &'static str,
}

const COUNT: &str = "Count";

impl Metric {
    /// Kept apart by function, which is what most are.
    pub const fn of_function(name: &'static str) -> Self {
        Self { name, dimensions: &["function"], unit: COUNT }
    }

    /// Kept apart by function and version: a new version is taken back for its own failures, not for
    /// those of the one before it.
    pub const fn of_version(name: &'static str) -> Self {
        Self { name, dimensions: &["function", "version"], unit: COUNT }
    }

    /// One for the deployment, however many functions there are: an alarm says that it happens, and the
    /// line says where.
    pub const fn of_deployment(name: &'static str) -> Self {
        Self { name, dimensions: &["deployment"], unit: COUNT }
    }

    /// The same of a duration in milliseconds, of which CloudWatch has percentiles.
    #[must_use]
    pub const fn in_milliseconds(self) -> Self {
        Self { unit: "Milliseconds", ..self }
    }

    /// Its name in CloudWatch.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The dimensions by which it is kept apart. Each combination of their values is a metric to pay
    /// for.
    pub const fn dimensions(self) -> &'static [&'static str] {
        self.dimensions
    }
}

macro_rules! metrics {
    ($($(#[$doc:meta])+ $name:ident $dimensions:ident $text:literal;)*) => {
        impl Metric {
            $($(#[$doc])+ pub const $name: Self = Self::$dimensions($text);)*
        }
    };
}

metrics! {
    /// A secret could not be fetched; the last good value is served, or 503 if there is none.
    SECRET_UNAVAILABLE of_deployment "SecretUnavailable";
    /// A secret does not have the shape that it must have.
    SECRET_MALFORMED of_deployment "SecretMalformed";
    /// A refresh token was used twice, and its session ended.
    REFRESH_TOKEN_REUSED of_deployment "RefreshTokenReused";
    /// A handler panicked.
    PANIC of_version "Panic";
    /// What administrators have changed of limits and settings cannot be read; the last good ones hold.
    POLICIES_UNAVAILABLE of_deployment "PoliciesUnavailable";
    /// What administrators have changed of limits or settings is not valid; the last good ones hold.
    POLICIES_MALFORMED of_deployment "PoliciesMalformed";
    /// Requests that the limits let pass.
    LIMIT_ADMITTED of_function "LimitAdmitted";
    /// Requests that a limit refused.
    LIMIT_DENIED of_function "LimitDenied";
    /// Times that a limit in shadow mode would have refused a request.
    LIMIT_SHADOW_DENIED of_function "LimitShadowDenied";
    /// Limits decided without the limiter's table, because it did not answer.
    LIMIT_WITHOUT_STORE of_function "LimitWithoutStore";
    /// Calls of the limiter without an answer.
    LIMIT_STORE_ERRORS of_function "LimitStoreErrors";
    /// Calls of the limiter.
    LIMIT_CALLS of_function "LimitCalls";
    /// Units that the limiter took.
    LIMIT_UNITS_TAKEN of_function "LimitUnitsTaken";
    /// Units that the limiter took and that were neither spent nor given back.
    LIMIT_UNITS_WASTED of_function "LimitUnitsWasted";
    /// Lookups of the cache that a fresh value answered.
    CACHE_HITS of_function "CacheHits";
    /// Lookups of the cache answered with a stale value.
    CACHE_STALE of_function "CacheStale";
    /// Lookups of the cache that a load, or nothing, answered.
    CACHE_MISSES of_function "CacheMisses";
    /// Loads of the cache that failed.
    CACHE_LOAD_ERRORS of_function "CacheLoadErrors";
    /// Calls of the cache to its table.
    CACHE_TABLE_CALLS of_function "CacheTableCalls";
    /// Calls of the cache without an answer.
    CACHE_TABLE_ERRORS of_function "CacheTableErrors";
    /// Requests or events that failed through no fault of who sent them: each 5xx, panics included.
    SERVER_ERRORS of_version "ServerErrors";
    /// Messages of a queue that were handled.
    MESSAGES_HANDLED of_function "MessagesHandled";
    /// Messages of a queue whose effect was there before.
    MESSAGES_REPEATED of_function "MessagesRepeated";
    /// Messages of a queue that failed, and come again.
    MESSAGES_FAILED of_function "MessagesFailed";
    /// Unreadable messages of a queue: no JSON, an unknown version, a wrong shape.
    MESSAGES_POISON of_function "MessagesPoison";
    /// Effects of an outbox that were performed.
    EFFECTS_PERFORMED of_function "EffectsPerformed";
    /// Effects of an outbox that are tried again.
    EFFECTS_RETRIED of_function "EffectsRetried";
    /// Effects of an outbox that were given up without having happened.
    EFFECTS_PARKED of_function "EffectsParked";
    /// Effects of an outbox with an unknown outcome, which are not retried.
    EFFECTS_UNKNOWN of_function "EffectsUnknown";
    /// Items of an outbox that do not decode.
    EFFECTS_MALFORMED of_function "EffectsMalformed";
}

/// Whose metrics they are. Without a function, outside of Lambda, there are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The name of the function.
    pub(crate) function: String,
    /// The version of the function.
    pub(crate) version: String,
    /// What tells this deployment from others of the same account and region: the name of its table
    /// `Main`, which the template's alarms know.
    pub(crate) deployment: String,
}

/// Where metrics go. Clones share it.
#[derive(Clone)]
pub struct Metrics {
    clock: Arc<dyn Clock>,
    origin: Arc<Origin>,
}

impl Metrics {
    /// Metrics of this origin.
    pub(crate) fn new(clock: Arc<dyn Clock>, origin: Origin) -> Self {
        Self { clock, origin: Arc::new(origin) }
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

    /// The same for one thing of a kind, such as the namespace of a cache or a provider. The line names
    /// it, so that the log can be searched for it; the metrics are those of all of the kind, because each
    /// dimension more is one to pay for.
    pub fn add_of(&self, of: Option<(&'static str, &str)>, counts: &[(Metric, u64)]) {
        let counts: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).copied().collect();
        if !self.origin.function.is_empty() && !counts.is_empty() {
            // A metric that cannot be written is not worth failing a request for.
            let _ = writeln!(std::io::stdout().lock(), "{}", self.line(of, &counts));
        }
    }

    fn line(&self, of: Option<(&'static str, &str)>, counts: &[(Metric, u64)]) -> Value {
        let mut line = json!({
            "_aws": {
                "Timestamp": self.clock.now().unix_millis(),
                "CloudWatchMetrics": definitions(counts),
            },
            "function": self.origin.function,
            "version": self.origin.version,
            "deployment": self.origin.deployment,
        });
        if let Some((kind, name)) = of {
            line[kind] = name.into();
        }
        for (metric, count) in counts {
            line[metric.name()] = (*count).into();
        }
        line
    }
}

/// What CloudWatch makes metrics of: one definition for each set of dimensions.
fn definitions(counts: &[(Metric, u64)]) -> Vec<Value> {
    let mut sets: Vec<&[&str]> = counts.iter().map(|(metric, _)| metric.dimensions()).collect();
    sets.sort_unstable();
    sets.dedup();
    let definition = |dimensions: &[&str]| {
        let of_the_set = counts.iter().filter(|(metric, _)| metric.dimensions() == dimensions);
        let metrics =
            of_the_set.map(|(metric, _)| json!({ "Name": metric.name(), "Unit": metric.unit }));
        json!({
            "Namespace": "minigate",
            "Dimensions": [dimensions],
            "Metrics": metrics.collect::<Vec<_>>(),
        })
    };
    sets.into_iter().map(definition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;

    fn of_sessions() -> Metrics {
        let origin = Origin {
            function: "sessions".to_owned(),
            version: "7".to_owned(),
            deployment: "minigate-Main".to_owned(),
        };
        Metrics::new(Arc::new(SystemClock), origin)
    }

    #[test]
    fn a_line_has_the_documented_shape() {
        let counts = [(Metric::LIMIT_CALLS, 7), (Metric::CACHE_HITS, 1)];
        let line = of_sessions().line(None, &counts);
        assert_eq!(line["LimitCalls"], 7);
        assert_eq!(line["CacheHits"], 1);
        assert_eq!(line["function"], "sessions");
        let definitions = &line["_aws"]["CloudWatchMetrics"];
        let expected = json!([{
            "Namespace": "minigate",
            "Dimensions": [["function"]],
            "Metrics": [
                { "Name": "LimitCalls", "Unit": "Count" },
                { "Name": "CacheHits", "Unit": "Count" },
            ],
        }]);
        assert_eq!(*definitions, expected);
        assert!(
            line["_aws"]["Timestamp"].as_u64().is_some_and(|millis| millis > 1_700_000_000_000)
        );
        assert!(line.get("cache").is_none());
        let of_namespace = of_sessions().line(Some(("cache", "account")), &counts);
        assert_eq!(of_namespace["cache"], "account");
        assert_eq!(of_namespace["_aws"]["CloudWatchMetrics"], expected);
    }

    /// The dimensions are those of the alarms in template.yaml.
    #[test]
    fn each_metric_has_the_dimensions_of_its_alarm() {
        let counts =
            [(Metric::SERVER_ERRORS, 1), (Metric::SECRET_UNAVAILABLE, 1), (Metric::LIMIT_CALLS, 1)];
        let line = of_sessions().line(None, &counts);
        let definitions = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        let found: Vec<String> = definitions
            .iter()
            .map(|it| format!("{} {}", it["Metrics"][0]["Name"], it["Dimensions"]))
            .collect();
        assert_eq!(
            found,
            [
                r#""SecretUnavailable" [["deployment"]]"#,
                r#""LimitCalls" [["function"]]"#,
                r#""ServerErrors" [["function","version"]]"#,
            ]
        );
        for (dimension, value) in
            [("function", "sessions"), ("version", "7"), ("deployment", "minigate-Main")]
        {
            assert_eq!(line[dimension], value, "a dimension is a field of the line");
        }
    }
}
