//! `cargo dev`: the whole API on this machine.
#![expect(clippy::print_stderr, reason = "this is a command-line program")]

use std::{
    io::Write,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use lexopt::{Arg, ValueExt};
use minigate_local::{DevServer, Options, development, routes};
use minigate_platform::{SystemClock, aws, environment};
use tracing_subscriber::filter::LevelFilter;

const USAGE: &str = "\
cargo dev [OPTIONS] [COMMAND]

Serves the whole API on http://127.0.0.1:3000, on an embedded DynamoDB, Secrets Manager and SQS.

Commands:
  serve        serve the API (the default)
  init-data    print fresh init data of the development bot
  env          print the environment for a function's own binary, for `cargo lambda watch`
  openapi      print the API reference

Options:
  --data DIR        keep DynamoDB's data in DIR instead of in memory
  --aws-port PORT   port of DynamoDB, Secrets Manager and SQS [default: any free one; `env`: 4566]
  --user ID         the user of the init data [default: 42, an administrator]
  -h, --help        print this

Environment:
  PORT          port of the API [default: 3000]
  MINIGATE_*    settings, listed in shared/platform/src/config.rs; the development ones are preset
";

struct Arguments {
    command: String,
    options: Options,
    user_id: u64,
}

fn main() -> ExitCode {
    let arguments = match read_arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print(USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("cargo dev: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = match arguments.command.as_str() {
        "serve" => serve(arguments),
        "init-data" => init_data(arguments.user_id).map(|text| print(&format!("{text}\n"))),
        "env" => {
            print_environment(&arguments.options);
            Ok(())
        }
        "openapi" => {
            print(&routes::openapi_json());
            Ok(())
        }
        other => Err(format!("there is no command `{other}`; see --help")),
    };
    outcome.map_or_else(
        |error| {
            eprintln!("cargo dev: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn read_arguments() -> Result<Option<Arguments>, lexopt::Error> {
    let variables: Vec<_> =
        environment().filter(|(name, _)| name.starts_with("MINIGATE_")).collect();
    let port = environment().find(|(name, _)| name == "PORT");
    let port = port.map_or(Ok(3000), |(_, text)| {
        text.parse().map_err(|_| "PORT must be a number from 0 to 65535")
    })?;
    let mut arguments = Arguments {
        command: "serve".to_owned(),
        options: Options { port, variables, ..Options::default() },
        user_id: development::USER_ID,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("data") => {
                arguments.options.data_dir = Some(PathBuf::from(parser.value()?));
            }
            Arg::Long("aws-port") => arguments.options.aws_port = parser.value()?.parse()?,
            Arg::Long("user") => arguments.user_id = parser.value()?.parse()?,
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Value(command) => arguments.command = command.string()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(arguments))
}

fn serve(arguments: Arguments) -> Result<(), String> {
    let started = Instant::now();
    start_logs();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let where_data_is = match &arguments.options.data_dir {
            Some(dir) => format!("in {}", dir.display()),
            None => "in memory".to_owned(),
        };
        let server =
            DevServer::start(arguments.options).await.map_err(|error| error.to_string())?;
        announce(&server, started.elapsed(), &where_data_is, arguments.user_id)?;
        told_to_stop().await;
        server.shutdown().await;
        Ok(())
    })
}

fn announce(
    server: &DevServer,
    took: Duration,
    where_data_is: &str,
    user_id: u64,
) -> Result<(), String> {
    let base_url = server.base_url();
    let route = |(method, path): (String, String)| format!("  {method:<6} {path}\n");
    let message = format!(
        "minigate is ready on {base_url} after {took} ms\n\
         \n  DynamoDB, Secrets Manager, SQS  {aws} ({where_data_is})\
         \n  development bot token           {token}\n\
         \n{routes}\
         \nA first request, with init data that was signed just now:\n\
         \n  curl -X POST {base_url}/v1/sessions -H 'Authorization: tma {init_data}'\n",
        took = took.as_millis(),
        aws = server.aws_endpoint_url(),
        token = development::BOT_TOKEN,
        routes = routes::list().into_iter().map(route).collect::<String>(),
        init_data = init_data(user_id)?,
    );
    print(&format!("{message}\n"));
    Ok(())
}

fn init_data(user_id: u64) -> Result<String, String> {
    use minigate_platform::Clock;

    let now = SystemClock.now().unix_seconds();
    development::init_data(user_id, now).map_err(|error| error.to_string())
}

fn print_environment(options: &Options) {
    let aws_port = if options.aws_port == 0 { 4566 } else { options.aws_port };
    let variables = development::variables().into_iter();
    let variables = variables.map(|(name, value)| format!("{name}={value}\n"));
    print(&format!(
        "{}AWS_ENDPOINT_URL=http://127.0.0.1:{aws_port}\n\
         AWS_REGION={}\n\
         AWS_ACCESS_KEY_ID=development\n\
         AWS_SECRET_ACCESS_KEY=development\n",
        variables.collect::<String>(),
        aws::EMULATOR_REGION,
    ));
}

/// A reader that has gone away, as in `cargo dev | head`, is no reason to stop serving.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Logs for eyes, on standard error; under Lambda they are JSON on standard output.
fn start_logs() {
    use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    // The embedded DynamoDB warns of every failed condition, which is how this project works.
    let ours =
        minigate_platform::our_logs(LevelFilter::INFO).with_target("dynoxide", LevelFilter::OFF);
    tracing_subscriber::registry().with(lines).with(ours).init();
}

async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};

    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
