//! Logs: one line of JSON per event, on standard output.
//!
//! Nothing here redacts lines, because secrets never reach one: the `Debug` of tokens, init data and keys
//! does not show them, and no log call takes a header or a body. Libraries differ (the AWS SDK logs
//! responses, and so secrets, at `debug`), so they are capped at `warn` whatever the level.

use tracing::{level_filters::LevelFilter, subscriber::set_global_default};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt};

/// Starts logging: events of minigate from `level` on, and warnings of libraries, as JSON on standard
/// output. A second call is a no-op.
pub fn start(level: LevelFilter) {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false);
    let subscriber = tracing_subscriber::registry().with(lines).with(ours(level));
    if set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            // Without the message, which may hold data of the request.
            let location = panic.location().map(ToString::to_string);
            tracing::error!(location, "panicked");
        }));
    }
}

/// The filter: minigate's crates at `level`, libraries at `warn`.
pub fn ours(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        // It logs every refusal of an event function again, as an error.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
        .with_target("minigate", level)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_never_log_what_may_hold_secrets() {
        let at_debug = ours(LevelFilter::DEBUG);
        assert!(at_debug.would_enable("minigate_platform::secrets::cached", &Level::DEBUG));
        for library in ["aws_smithy_runtime::client::orchestrator", "hyper_util::client", "h2"] {
            assert!(at_debug.would_enable(library, &Level::WARN), "{library}");
            assert!(!at_debug.would_enable(library, &Level::INFO), "{library}");
        }
        let at_error = ours(LevelFilter::ERROR);
        assert!(!at_error.would_enable("aws_smithy_runtime", &Level::WARN));
        assert!(!at_error.would_enable("minigate_platform", &Level::WARN));
    }
}
