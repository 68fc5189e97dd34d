//! The command line of `cargo dev`. Every fault is one message with the correct usage.

use std::{ffi::OsString, path::PathBuf};

use lexopt::Arg;
use minigate_domain::UserId;
use minigate_local::{AwsEndpoint, BotToken, Hosts, NOT_A_TOKEN, Options, development};

pub(crate) const USAGE: &str = "\
cargo dev [OPTIONS] [COMMAND]

Serves the whole API on http://127.0.0.1:3000, with an embedded DynamoDB and Secrets Manager.

Commands:
  serve        serve the API (the default)
  init-data    print freshly signed init data of the development bot, or of a real one
  env          print the environment of a function's own binary, for `cargo lambda watch`
  openapi      print the API reference
  describe     print what each function needs and serves, for `cargo xtask generate`
  limits       print the catalogue of limits that the administrators' function has

Options:
  --data DIR                store tables and secrets in DIR instead of in memory
  --aws-port PORT           port of DynamoDB and Secrets Manager [default: any free one; `env`: 4566]
  --aws-endpoint URL        use a running emulator, such as LocalStack on http://127.0.0.1:4566;
                            creates missing tables and secrets there
  --allow-remote-endpoint   allow an --aws-endpoint on another machine, but never AWS itself
  --bot-token-file FILE     develop with a real bot; FILE contains only its token
  --user ID                 the user of the init data [default: 42, an administrator]
  -h, --help                print this

Environment:
  PORT                      port of the API; 0 is any free one [default: 3000]
  MINIGATE_DEV_BOT_TOKEN    the token of a real bot, as with --bot-token-file
  MINIGATE_*                settings, listed in shared/platform/src/config.rs; the development ones
                            are preset

The exit code is 2 for invalid arguments, 1 if start-up fails.
";

/// The variable with a real bot's token.
const TOKEN_VARIABLE: &str = "MINIGATE_DEV_BOT_TOKEN";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Command {
    Serve,
    InitData,
    Env,
    OpenApi,
    Describe,
    Limits,
}

impl Command {
    const ALL: [(&'static str, Self); 6] = [
        ("serve", Self::Serve),
        ("init-data", Self::InitData),
        ("env", Self::Env),
        ("openapi", Self::OpenApi),
        ("describe", Self::Describe),
        ("limits", Self::Limits),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, command)| *command == self).map_or("", |(name, _)| name)
    }

    fn takes(self, option: &str) -> bool {
        let options: &[&str] = match self {
            Self::Serve => return true,
            Self::InitData => &["--user", "--bot-token-file"],
            Self::Env => {
                &["--aws-port", "--aws-endpoint", "--allow-remote-endpoint", "--bot-token-file"]
            }
            Self::OpenApi | Self::Describe | Self::Limits => &[],
        };
        options.contains(&option)
    }
}

pub(crate) struct Arguments {
    pub(crate) command: Command,
    pub(crate) options: Options,
    pub(crate) user_id: u64,
    /// How `cargo dev init-data` is given the same bot's token.
    pub(crate) bot_argument: String,
}

/// The raw arguments, before they are checked as a whole.
#[derive(Default)]
struct Given {
    command: Option<Command>,
    options: Vec<&'static str>,
    data_dir: Option<PathBuf>,
    aws_port: Option<u16>,
    aws_endpoint: Option<String>,
    bot_token_file: Option<PathBuf>,
    user_id: Option<u64>,
}

/// Reads arguments and environment; `None` for `--help`.
pub(crate) fn read(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &[(String, String)],
) -> Result<Option<Arguments>, String> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.iter().any(|argument| argument == "--") {
        return Err("leave out `--`: options follow `cargo dev` directly, as in \
                    `cargo dev --aws-port 4566`"
            .to_owned());
    }
    let Some(given) = read_given(arguments)? else { return Ok(None) };
    let variable = |name: &str| {
        environment.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    };
    let port = variable("PORT").map_or(Ok(3000), |text| {
        text.parse().map_err(|_| "PORT must be a number from 0 to 65535")
    })?;
    let command = given.command.unwrap_or(Command::Serve);
    check_options(command, &given, port)?;
    let mut options = Options {
        port,
        aws_port: given.aws_port.unwrap_or_default(),
        data_dir: given.data_dir,
        variables: environment
            .iter()
            .filter(|(name, _)| name.starts_with("MINIGATE_") && name != TOKEN_VARIABLE)
            .cloned()
            .collect(),
        ..Options::default()
    };
    if let Some(text) = &given.aws_endpoint {
        let is_remote = given.options.contains(&"--allow-remote-endpoint");
        let hosts = if is_remote { Hosts::Any } else { Hosts::ThisMachine };
        let endpoint = AwsEndpoint::parse(text, hosts);
        options.aws_endpoint = Some(endpoint.map_err(|error| format!("--aws-endpoint {error}"))?);
    }
    let mut bot_argument = String::new();
    if let Some(file) = &given.bot_token_file {
        let token = BotToken::read(file).map_err(|error| format!("--bot-token-file {error}"))?;
        options.bot_token = Some(token);
        bot_argument = format!(" --bot-token-file '{}'", file.display());
    } else if let Some(text) = variable(TOKEN_VARIABLE) {
        let token = BotToken::parse(text).ok_or(format!("{TOKEN_VARIABLE} holds {NOT_A_TOKEN}"))?;
        options.bot_token = Some(token);
    }
    check_bot_secret(&options)?;
    let user_id = given.user_id.unwrap_or(development::USER_ID);
    Ok(Some(Arguments { command, options, user_id, bot_argument }))
}

fn read_given(arguments: Vec<OsString>) -> Result<Option<Given>, String> {
    let mut given = Given::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let option = match argument {
            Arg::Long("data") => {
                given.data_dir = Some(value(&mut parser, "--data", "a folder")?.into());
                "--data"
            }
            Arg::Long("aws-port") => {
                given.aws_port = Some(port(&value(&mut parser, "--aws-port", "a port")?)?);
                "--aws-port"
            }
            Arg::Long("aws-endpoint") => {
                let url = value(&mut parser, "--aws-endpoint", "a URL")?;
                given.aws_endpoint = Some(url.to_string_lossy().into_owned());
                "--aws-endpoint"
            }
            Arg::Long("allow-remote-endpoint") => "--allow-remote-endpoint",
            Arg::Long("bot-token-file") => {
                let file = value(&mut parser, "--bot-token-file", "the name of a file")?;
                given.bot_token_file = Some(file.into());
                "--bot-token-file"
            }
            Arg::Long("user") => {
                given.user_id = Some(user(&value(&mut parser, "--user", "a user's id")?)?);
                "--user"
            }
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Value(name) => {
                read_command(&mut given, &name.to_string_lossy())?;
                continue;
            }
            Arg::Long(name) => return Err(format!("there is no option `--{name}`")),
            Arg::Short(name) => return Err(format!("there is no option `-{name}`")),
        };
        if let Some(extra) = parser.optional_value() {
            // Only --allow-remote-endpoint has left it there.
            return Err(format!("{option} takes no value such as `{}`", extra.to_string_lossy()));
        }
        given.options.push(option);
    }
    Ok(Some(given))
}

/// The value of an option. Another option in its place means that the value is missing.
fn value(parser: &mut lexopt::Parser, option: &str, what: &str) -> Result<OsString, String> {
    let value = parser.value().ok();
    value
        .filter(|value| !value.is_empty() && !value.to_string_lossy().starts_with("--"))
        .ok_or_else(|| format!("{option} must be followed by {what}"))
}

fn port(text: &OsString) -> Result<u16, String> {
    let text = text.to_string_lossy();
    text.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
        format!(
            "--aws-port must be a port from 1 to 65535 and not `{text}`; without the option, it is \
             any free one"
        )
    })
}

fn user(text: &OsString) -> Result<u64, String> {
    let text = text.to_string_lossy();
    let id = text.parse::<UserId>().map(UserId::get);
    id.map_err(|error| {
        format!("--user must be the id of a Telegram user and not `{text}`: {error}")
    })
}

fn read_command(given: &mut Given, name: &str) -> Result<(), String> {
    let found = Command::ALL.iter().find(|(known, _)| *known == name);
    let (_, command) = found.ok_or_else(|| {
        let names = Command::ALL.map(|(name, _)| format!("`{name}`")).join(", ");
        format!("there is no command `{name}`; the commands are {names}")
    })?;
    match given.command.replace(*command) {
        None => Ok(()),
        Some(first) => Err(format!("`{}` and `{name}` are two commands; give one", first.name())),
    }
}

/// Rejects options that do not apply to the command, or contradict each other.
fn check_options(command: Command, given: &Given, port: u16) -> Result<(), String> {
    if let Some(option) = given.options.iter().find(|option| !command.takes(option)) {
        return Err(format!("`{}` does not take {option}", command.name()));
    }
    if given.aws_endpoint.is_some() {
        for (option, is_given) in
            [("--aws-port", given.aws_port.is_some()), ("--data", given.data_dir.is_some())]
        {
            if is_given {
                return Err(format!(
                    "{option} is for the embedded services, which --aws-endpoint replaces; give one"
                ));
            }
        }
    } else if given.options.contains(&"--allow-remote-endpoint") {
        return Err("--allow-remote-endpoint needs --aws-endpoint".to_owned());
    } else if command == Command::Env && given.bot_token_file.is_some() {
        return Err(
            "`env` takes --bot-token-file only with --aws-endpoint: the embedded services \
                    get the token from `cargo dev --bot-token-file`"
                .to_owned(),
        );
    }
    if command == Command::Serve && given.aws_port == Some(port) {
        return Err(format!("--aws-port and PORT are both {port}; the API needs another port"));
    }
    Ok(())
}

/// A token is stored in the secret of the development bot, which must then be in use.
fn check_bot_secret(options: &Options) -> Result<(), String> {
    let variables = options.environment();
    let named = variables.iter().find(|(name, _)| name == "MINIGATE_BOT_SECRETS");
    let is_used =
        named.is_some_and(|(_, ids)| ids.split(',').any(|id| id.trim() == development::BOT_SECRET));
    if options.bot_token.is_none() || is_used {
        return Ok(());
    }
    Err(format!(
        "the bot's token is stored in the secret {}, which MINIGATE_BOT_SECRETS does not name; leave \
         out one of them",
        development::BOT_SECRET
    ))
}
