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
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("minigate", level)
}
