//! `cargo dev`: the whole API on this machine.
#![expect(clippy::print_stderr, reason = "this is a command-line program")]

mod announce;
mod arguments;

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
    time::Instant,
};

use minigate_local::{BotToken, DevServer, development, limits, prepare, reference, routes};
use minigate_platform::{Clock, SystemClock, environment};
use tokio::runtime::Runtime;
use tracing_subscriber::filter::LevelFilter;

use crate::arguments::{Arguments, Command, USAGE};

fn main() -> ExitCode {
    let variables: Vec<_> = environment().collect();
    let arguments = match arguments::read(std::env::args_os().skip(1), &variables) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print(USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let usage = USAGE.lines().next().unwrap_or_default();
            eprintln!("cargo dev: {error}\n\nUsage: {usage}; `cargo dev --help` explains them");
            return ExitCode::from(2);
        }
    };
    let outcome = match arguments.command {
        Command::Serve => serve(&arguments),
        Command::InitData => init_data(arguments.options.bot_token.as_ref(), arguments.user_id)
            .map(|text| print(&format!("{text}\n"))),
        Command::Env => print_environment(&arguments),
        Command::OpenApi => {
            print(&reference::openapi_json());
            Ok(())
        }
        Command::Limits => {
            print(&limits::catalogue());
            Ok(())
        }
        Command::Describe => {
            print(&routes::description());
            Ok(())
        }
    };
    outcome.map_or_else(
        |error| {
            eprintln!("cargo dev: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn serve(arguments: &Arguments) -> Result<(), String> {
    let started = Instant::now();
    start_logs();
    runtime()?.block_on(async {
        let server = DevServer::start(arguments.options.clone());
        let server = server.await.map_err(|error| error.to_string())?;
        // Before the server is announced, because whoever reads that may stop it.
        let stopped = stop_signals().map_err(|error| error.to_string())?;
        print(&announce::ready(&server, arguments, started.elapsed())?);
        stopped.await;
        server.shutdown().await;
        Ok(())
    })
}

fn runtime() -> Result<Runtime, String> {
    Runtime::new().map_err(|error| error.to_string())
}

fn init_data(bot: Option<&BotToken>, user_id: u64) -> Result<String, String> {
    let now = SystemClock.now().unix_seconds();
    let signed = match bot {
        None => development::init_data(user_id, now),
        Some(bot) => development::real_init_data(bot, user_id, now),
    };
    signed.map_err(|error| error.to_string())
}

/// Prints the variables of a function that runs by itself. On an endpoint that runs already, what it
/// needs is made first.
fn print_environment(arguments: &Arguments) -> Result<(), String> {
    let options = &arguments.options;
    let aws_url = match &options.aws_endpoint {
        Some(endpoint) => {
            let prepared = runtime()?.block_on(prepare(endpoint, options));
            let secrets = prepared.map_err(|error| error.to_string())?;
            eprint!("{}", announce::missing_secrets(&secrets, endpoint.url()));
            endpoint.url().to_owned()
        }
        None if options.aws_port == 0 => "http://127.0.0.1:4566".to_owned(),
        None => format!("http://127.0.0.1:{}", options.aws_port),
    };
    let mut environment = options.environment();
    if !environment.iter().any(|(name, _)| name == "MINIGATE_PUBLIC_URL") {
        // What `cargo lambda watch` takes requests at.
        let url = "http://127.0.0.1:9000".to_owned();
        environment.push(("MINIGATE_PUBLIC_URL".to_owned(), url));
    }
    let variables = environment.into_iter();
    let variables = variables.map(|(name, value)| format!("{name}={value}"));
    let variables: Vec<String> = variables.chain(announce::sdk_variables(&aws_url)).collect();
    print(&format!("{}\n", variables.join("\n")));
    Ok(())
}

/// A reader that has gone away, as in `cargo dev | head`, is no reason to stop serving.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Logs for eyes, on standard error; under Lambda they are JSON on standard output.
fn start_logs() {
    use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    // On a terminal, NO_COLOR decides.
    let lines = if std::io::stderr().is_terminal() { lines } else { lines.with_ansi(false) };
    // The embedded DynamoDB warns of every failed condition, which is how this project works.
    let ours =
        minigate_platform::our_logs(LevelFilter::INFO).with_target("dynoxide", LevelFilter::OFF);
    tracing_subscriber::registry().with(lines).with(ours).init();
}

/// Ends with the first signal to stop. Signals are caught from now on, not only once it is awaited.
fn stop_signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
