//! `init-data verify | sign | inspect`: init data at the terminal.
//!
//! Exit code 0: accepted, or done; 1: refused; 2: invalid usage or failed I/O. Tokens
//! and secrets come from the environment or from files, and are never printed.

mod batch;
mod inspect;
mod options;
mod sign;
mod verify;

use std::io::Write;
use std::process::ExitCode;

use options::{Failure, Options};

const USAGE: &str = "\
Usage:
  init-data verify [KEYS] [LIMITS] [--login-widget] [INIT_DATA]
  init-data verify --batch
  init-data inspect [KEYS] [--now SECONDS] [--json] [INIT_DATA]
  init-data sign [KEYS] [--login-widget] [--auth-date SECONDS] KEY=VALUE...

INIT_DATA is read from standard input if it is missing or `-`.

KEYS, repeatable (default: --token-env INIT_DATA_BOT_TOKEN):
  --token-env NAME         a bot token in an environment variable
  --token-file PATH        bot tokens, one per line; `-` is standard input
  --secret-env NAME        a derived secret, as <bot id>:<64 hexadecimal digits>
  --secret-file PATH       derived secrets, one per line
  --third-party ID[:ENV]   a bot id, checked with Telegram's public key; ENV is `prod` (default),
                           `test` or the 64 hexadecimal digits of a public key
  --third-party-key-env NAME, --third-party-key-file PATH
                           for sign: an Ed25519 secret key, 64 hexadecimal digits

LIMITS:
  --now SECONDS            instead of the clock, in seconds since the Unix epoch
  --max-age SECONDS|none   default 86400
  --max-skew SECONDS       default 30

verify --batch reads JSON lines with id, kind (hmac, ed25519, login_widget), init_data, bot_token,
bot_id, env (prod, test, custom), public_key_hex, now, max_age and max_skew, and answers each with
{\"id\":...,\"result\":\"ok\"} or the code of the refusal; without now, dates are not checked.

Exit codes: 0 accepted or done, 1 refused, 2 invalid usage.
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(failure) => {
            // If standard error is closed too, there is nobody left to notify.
            let _ = writeln!(std::io::stderr(), "init-data: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode, Failure> {
    let mut arguments = lexopt::Parser::from_env();
    let command = match arguments.next()? {
        Some(lexopt::Arg::Value(command)) => command.to_string_lossy().into_owned(),
        Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h')) => "help".to_owned(),
        _ => return Err(Failure::new("no command; try `init-data help`")),
    };
    let mut out = std::io::stdout().lock();
    if command == "help" {
        out.write_all(USAGE.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::parse(&mut arguments)?;
    if options.help {
        out.write_all(USAGE.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let is_good = match command.as_str() {
        "verify" if options.batch => batch::run(std::io::stdin().lock(), &mut out)?,
        "verify" => verify::run(options, &mut out)?,
        "inspect" => inspect::run(options, &mut out)?,
        "sign" => sign::run(options, &mut out)?,
        _ => return Err(Failure::new("unknown command; try `init-data help`")),
    };
    out.flush()?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
