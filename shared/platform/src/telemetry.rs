//! Logs: one line of JSON an event, on standard output.
//!
//! Nothing here removes secrets from a line, because none may get near one: tokens, init data and
//! keys have types without a `Debug` that shows them, and no log call takes a header or a body. That
//! cannot be said of the libraries (the AWS SDK's debug level shows responses, and so secrets), so
//! they are held at `warn` whatever the level.

use tracing::{level_filters::LevelFilter, subscriber::set_global_default};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt};

/// Sends every event of ours of at least `level`, and warnings of libraries, to standard output as
/// JSON, from now on. A second call does nothing.
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
            // The message is left out: it may hold what the panicking code was working on.
            let location = panic.location().map(ToString::to_string);
            tracing::error!(location, "panicked");
        }));
    }
}

/// Lets through what our crates log at `level`, and what others warn of.
pub fn ours(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        // It repeats, as an error, every refusal that a function of events has logged.
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
