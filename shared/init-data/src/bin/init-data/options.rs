//! The command line, and what it refers to: the environment, files, the clock.

use std::fmt;
use std::io::Read;
use std::time::{Duration, SystemTime};

use lexopt::prelude::*;
use minigate_init_data::{BotId, ConfigError, DEFAULT_MAX_AGE, DEFAULT_MAX_SKEW, Environment, Key};

/// Longer input than this is certainly not what was meant.
const MAX_INPUT_BYTES: u64 = 1 << 20;

/// What every command takes; each uses what it needs.
pub(crate) struct Options {
    pub(crate) tokens: Vec<Labelled>,
    pub(crate) keys: Vec<Key>,
    pub(crate) third_party_secret_key: Option<[u8; 32]>,
    pub(crate) login_widget: bool,
    pub(crate) batch: bool,
    pub(crate) json: bool,
    pub(crate) help: bool,
    pub(crate) now: u64,
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_skew: Duration,
    pub(crate) auth_date: Option<u64>,
    pub(crate) positional: Vec<String>,
}

/// A bot token, and where it came from.
pub(crate) struct Labelled {
    pub(crate) label: String,
    pub(crate) token: String,
}

/// Why a command could not be carried out. Never holds a secret.
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        // Only an unknown option is repeated: values may be secrets in the wrong place.
        Self(match error {
            lexopt::Error::UnexpectedOption(option) => format!("unknown option {option}"),
            lexopt::Error::MissingValue { option: Some(option) } => {
                format!("{option} needs a value")
            }
            _ => "the command line cannot be read; try `init-data help`".to_owned(),
        })
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(format!("input or output failed: {error}"))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

impl Options {
    pub(crate) fn parse(arguments: &mut lexopt::Parser) -> Result<Self, Failure> {
        let mut options = Self {
            tokens: Vec::new(),
            keys: Vec::new(),
            third_party_secret_key: None,
            login_widget: false,
            batch: false,
            json: false,
            help: false,
            now: system_time(),
            max_age: Some(DEFAULT_MAX_AGE),
            max_skew: DEFAULT_MAX_SKEW,
            auth_date: None,
            positional: Vec::new(),
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("token-env") => {
                    let name = text(arguments)?;
                    let token = read_environment(&name)?;
                    options.tokens.push(Labelled { label: name, token });
                }
                Long("token-file") => {
                    let path = text(arguments)?;
                    for (number, token) in lines(&read_file(&path)?) {
                        let label = format!("{path}:{number}");
                        options.tokens.push(Labelled { label, token: token.to_owned() });
                    }
                }
                Long("secret-env") => {
                    let name = text(arguments)?;
                    let key = parse_secret(read_environment(&name)?.trim(), &name)?;
                    options.keys.push(key);
                }
                Long("secret-file") => {
                    let path = text(arguments)?;
                    for (number, secret) in lines(&read_file(&path)?) {
                        options.keys.push(parse_secret(secret, &format!("{path}:{number}"))?);
                    }
                }
                Long("third-party") => options.keys.push(parse_third_party(&text(arguments)?)?),
                Long("third-party-key-env") => {
                    let secret_key = read_environment(&text(arguments)?)?;
                    options.third_party_secret_key = Some(parse_secret_key(&secret_key)?);
                }
                Long("third-party-key-file") => {
                    let secret_key = read_file(&text(arguments)?)?;
                    options.third_party_secret_key = Some(parse_secret_key(&secret_key)?);
                }
                Long("login-widget") => options.login_widget = true,
                Long("batch") => options.batch = true,
                Long("json") => options.json = true,
                Long("help") | Short('h') => options.help = true,
                Long("now") => options.now = seconds("--now", &text(arguments)?)?,
                Long("auth-date") => {
                    options.auth_date = Some(seconds("--auth-date", &text(arguments)?)?);
                }
                Long("max-age") => {
                    options.max_age = match text(arguments)?.as_str() {
                        "none" => None,
                        value => Some(Duration::from_secs(seconds("--max-age", value)?)),
                    };
                }
                Long("max-skew") => {
                    let value = seconds("--max-skew", &text(arguments)?)?;
                    options.max_skew = Duration::from_secs(value);
                }
                Value(value) => options.positional.push(utf8(value)?),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// The tokens given, or else the one in the usual environment variable.
    pub(crate) fn take_tokens(&mut self) -> Result<Vec<Labelled>, Failure> {
        const USUAL: &str = "INIT_DATA_BOT_TOKEN";
        if self.tokens.is_empty() && self.keys.is_empty() {
            let token = read_environment(USUAL).map_err(|_| {
                Failure::new(format!("no key: set {USUAL}, or see KEYS in `init-data help`"))
            })?;
            self.tokens.push(Labelled { label: USUAL.to_owned(), token });
        }
        Ok(std::mem::take(&mut self.tokens))
    }

    /// The string to look at. The line end that a shell or an editor puts after it is taken off.
    pub(crate) fn init_data(&self) -> Result<String, Failure> {
        let text = match self.positional.as_slice() {
            [] => read_file("-")?,
            [dash] if dash == "-" => read_file("-")?,
            [init_data] => return Ok(init_data.clone()),
            _ => return Err(Failure::new("more than one INIT_DATA; quote it")),
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
    }
}

impl Labelled {
    /// Names the usual faults, which cannot be seen because a token is never shown.
    pub(crate) fn failure(&self, error: ConfigError) -> Failure {
        let is_around = |character: char| character.is_whitespace() || "\"'`".contains(character);
        let (label, token) = (&self.label, &self.token);
        Failure(match token.trim_matches(is_around) {
            "" => format!("{label}: the bot token is empty"),
            inner if inner != token => {
                format!("{label}: there is white space or a quote around the bot token: remove it")
            }
            _ => format!("{label}: {error}"),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the command has a user at a terminal, and a clock")]
fn system_time() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[expect(clippy::disallowed_methods, reason = "keeps secrets off the command line")]
fn read_environment(name: &str) -> Result<String, Failure> {
    std::env::var(name)
        .map_err(|_| Failure::new(format!("the environment variable {name} is not set to text")))
}

/// `-` is standard input.
fn read_file(path: &str) -> Result<String, Failure> {
    let failure = |error: std::io::Error| Failure::new(format!("{path}: {error}"));
    let source: Box<dyn Read> = match path {
        "-" => Box::new(std::io::stdin().lock()),
        path => Box::new(std::fs::File::open(path).map_err(failure)?),
    };
    let mut text = String::new();
    let length = source.take(MAX_INPUT_BYTES + 1).read_to_string(&mut text).map_err(failure)?;
    if length as u64 > MAX_INPUT_BYTES {
        return Err(Failure::new(format!("{path}: longer than 1 MiB")));
    }
    Ok(text)
}

/// Lines that hold something, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty())
}

fn utf8(value: std::ffi::OsString) -> Result<String, Failure> {
    value.into_string().map_err(|_| Failure::new("an argument is not UTF-8"))
}

fn text(arguments: &mut lexopt::Parser) -> Result<String, Failure> {
    utf8(arguments.value()?)
}

fn seconds(option: &str, value: &str) -> Result<u64, Failure> {
    value.parse().map_err(|_| Failure::new(format!("{option} takes whole seconds")))
}

fn parse_secret(text: &str, label: &str) -> Result<Key, Failure> {
    text.split_once(':')
        .and_then(|(bot_id, secret)| Some((bot_id.parse::<BotId>().ok()?, parse_hex(secret)?)))
        .map(|(bot_id, secret)| Key::from_secret(bot_id, secret).with_label(label))
        .ok_or_else(|| Failure::new(format!("{label}: not <bot id>:<64 hexadecimal digits>")))
}

fn parse_secret_key(text: &str) -> Result<[u8; 32], Failure> {
    parse_hex(text.trim())
        .ok_or_else(|| Failure::new("the third-party key is not 64 hexadecimal digits"))
}

fn parse_third_party(text: &str) -> Result<Key, Failure> {
    let (bot_id, environment) = text.split_once(':').unwrap_or((text, "prod"));
    let environment = parse_environment(environment)
        .ok_or_else(|| Failure::new("--third-party: ENV is prod, test or 64 hexadecimal digits"))?;
    Ok(Key::third_party(bot_id.parse()?, environment)?.with_label("--third-party"))
}

fn parse_environment(text: &str) -> Option<Environment> {
    match text {
        "prod" | "production" => Some(Environment::Production),
        "test" => Some(Environment::Test),
        hex => parse_hex(hex).map(Environment::Custom),
    }
}

/// 64 hexadecimal digits of either case.
pub(crate) fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let (digits, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digits: &[[u8; 2]; 32] = digits.try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, &[high, low]) in bytes.iter_mut().zip(digits) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(value(high)? * 16 + value(low)?).ok()?;
    }
    Some(bytes)
}
