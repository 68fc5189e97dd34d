//! The health of the deployment.
//!
//! | route | who | store calls |
//! |---|---|---|
//! | `GET /health` | anyone | none: it touches no dependency |
//! | `GET /health/detailed` | administrators | 1 read, which also has the reports on providers, and 2 calls to Secrets Manager for each secret |

use std::time::{Duration, Instant};

use axum::extract::State;
use minigate_domain::Timestamp;
use minigate_platform::{
    Function, Needs, Platform, Problem, Router, auth::Admin, extract::Json, secrets::SecretHealth,
};
use minigate_store::ProviderReport;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

/// A dependency that takes longer counts as slow. Within a region, both usually answer in a fifth of it.
const SLOW: Duration = Duration::from_millis(250);

/// The function, as its `main` runs it and `cargo dev` serves it.
pub fn function() -> Function {
    Function::routes("health", router, Needs::ALL)
}

/// The routes of this function.
pub fn router() -> Router {
    Router::new().routes(routes!(health)).routes(routes!(detailed_health))
}

/// Confirms that the API is up.
#[utoipa::path(
    get, path = "/health", tag = "health", operation_id = "read_health",
    security(()),
    responses((status = 200, description = "The API is up", body = HealthOut)),
)]
async fn health(State(platform): State<Platform>) -> Json<HealthOut> {
    Json(HealthOut { status: Status::Ok, version: VersionOut::of(&platform) })
}

/// Probes every dependency and returns its status.
///
/// The response is 200 even if a dependency is down.
#[utoipa::path(
    get, path = "/health/detailed", tag = "health", operation_id = "read_detailed_health",
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 200, description = "The status of each dependency", body = DetailedHealthOut),
    ),
)]
async fn detailed_health(
    State(platform): State<Platform>,
    _: Admin,
) -> Result<Json<DetailedHealthOut>, Problem> {
    let mut checks = check_store(&platform).await;
    let mut secrets = platform.bots.check().await;
    secrets.extend(platform.signing.check().await);
    checks.extend(secrets.into_iter().map(CheckOut::of_secret));
    Ok(Json(DetailedHealthOut::of(VersionOut::of(&platform), checks)))
}

/// DynamoDB, and the providers of which it has a report.
async fn check_store(platform: &Platform) -> Vec<CheckOut> {
    let started = Instant::now();
    let outcome = platform.store.providers().await;
    let latency = started.elapsed();
    let store = CheckOut {
        name: "dynamodb".to_owned(),
        status: if outcome.is_ok() { Status::of(latency) } else { Status::Down },
        latency_ms: millis(latency),
        message: outcome.as_ref().err().map(ToString::to_string),
    };
    let now = platform.now();
    let reports = outcome.unwrap_or_default().into_iter();
    let providers = reports.map(|(name, report)| CheckOut::of_provider(&name, &report, now));
    std::iter::once(store).chain(providers).collect()
}

#[derive(Serialize, ToSchema)]
struct HealthOut {
    status: Status,
    version: VersionOut,
}

#[derive(Serialize, ToSchema)]
struct DetailedHealthOut {
    /// The worst status of the checks.
    status: Status,
    /// The share of healthy checks in percent; a slow check counts half.
    #[schema(minimum = 0, maximum = 100)]
    score: u8,
    version: VersionOut,
    checks: Vec<CheckOut>,
}

impl DetailedHealthOut {
    fn of(version: VersionOut, checks: Vec<CheckOut>) -> Self {
        let halves: usize = checks.iter().map(|check| check.status.halves()).sum();
        let score = halves * 50 / checks.len().max(1);
        Self {
            status: checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok),
            score: u8::try_from(score).unwrap_or(100),
            version,
            checks,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct VersionOut {
    /// The version of minigate.
    #[schema(max_length = 64)]
    minigate: &'static str,
    /// The name of the Lambda function; absent elsewhere.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false, max_length = 140)]
    function: String,
    /// The version of the Lambda function.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false, max_length = 64)]
    function_version: String,
}

impl VersionOut {
    fn of(platform: &Platform) -> Self {
        Self {
            minigate: env!("CARGO_PKG_VERSION"),
            function: platform.config.function_name.clone(),
            function_version: platform.config.function_version.clone(),
        }
    }
}

/// The status of one dependency.
#[derive(Serialize, ToSchema)]
struct CheckOut {
    /// `dynamodb`; `secret` and the secret's name; or `provider` and the name of a provider, as an
    /// instance that calls it last saw it.
    #[schema(max_length = 2048)]
    name: String,
    status: Status,
    /// Latency in milliseconds; of a provider, that of the call which showed its status.
    latency_ms: f64,
    /// The error, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 8192)]
    message: Option<String>,
}

impl CheckOut {
    /// A provider is not called for this: the report is of a call that was made anyway.
    fn of_provider(name: &str, report: &ProviderReport, now: Timestamp) -> Self {
        let age = now.since(report.at).as_secs();
        let message = format!("it did not answer: calls are suspended since {age} s");
        Self {
            name: format!("provider {name}"),
            status: if report.is_down { Status::Down } else { Status::Ok },
            latency_ms: millis(Duration::from_millis(report.latency_ms)),
            message: report.is_down.then_some(message),
        }
    }

    fn of_secret(health: SecretHealth) -> Self {
        let (status, latency, message) = match health.fetched_in {
            Ok(latency) => (Status::of(latency), latency, None),
            // Requests are served with the last valid value.
            Err(error) if health.has_value => {
                (Status::Degraded, Duration::ZERO, Some(error.to_string()))
            }
            Err(error) => (Status::Down, Duration::ZERO, Some(error.to_string())),
        };
        Self { name: format!("secret {}", health.id), status, latency_ms: millis(latency), message }
    }
}

/// A status, from best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// Healthy.
    Ok,
    /// Slow, or served from the cache.
    Degraded,
    /// Unavailable.
    Down,
}

impl Status {
    fn of(latency: Duration) -> Self {
        if latency < SLOW { Self::Ok } else { Self::Degraded }
    }

    const fn halves(self) -> usize {
        match self {
            Self::Ok => 2,
            Self::Degraded => 1,
            Self::Down => 0,
        }
    }
}

fn millis(latency: Duration) -> f64 {
    (latency.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(statuses: &[Status]) -> (u8, bool) {
        let version =
            VersionOut { minigate: "", function: String::new(), function_version: String::new() };
        let check = |status: &Status| CheckOut {
            name: String::new(),
            status: *status,
            latency_ms: 0.0,
            message: None,
        };
        let health = DetailedHealthOut::of(version, statuses.iter().map(check).collect());
        (health.score, health.status == Status::Ok)
    }

    #[test]
    fn the_score_falls_with_what_is_slow_and_what_is_down() {
        assert_eq!(scored(&[Status::Ok, Status::Ok]), (100, true));
        assert_eq!(scored(&[Status::Ok, Status::Degraded]), (75, false));
        assert_eq!(scored(&[Status::Down, Status::Down]), (0, false));
    }
}
