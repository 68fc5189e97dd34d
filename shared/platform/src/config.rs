//! The configuration of a deployment: read once, at start, from the environment.
//!
//! This is the only module that reads environment variables. It collects all faults, so that one failed
//! start lists everything to correct.
//!
//! Administrators override those marked with * while the deployment runs ([`crate::settings`]).
//! `template.yaml` sets only the first administrator of them.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `MINIGATE_TABLE_MAIN`, `MINIGATE_TABLE_VOLATILE`, `MINIGATE_TABLE_AUDIT` | names of the DynamoDB tables | required |
//! | `MINIGATE_BOT_SECRETS` | 1 to 20 names or ARNs of the bots' secrets, comma-separated | required where [`Needs`] says so |
//! | `MINIGATE_SIGNING_SECRET` | name or ARN of the secret with the key that signs tokens | required where [`Needs`] says so |
//! | `MINIGATE_CERTIFICATE_SECRET` | name or ARN of the secret with the key that signs certificates | required where [`Needs`] says so |
//! | `MINIGATE_PUBLIC_URL` | where clients reach the API, `https://…` without a slash at the end: it stands in every certificate, for ever | that of API Gateway |
//! | `MINIGATE_ISSUER_NAME` | who issues certificates, as people read it, 1 to 64 characters | `Recertify` |
//! | `MINIGATE_ISSUER` | `iss` of the tokens | `minigate` |
//! | `MINIGATE_ALLOWED_ORIGINS` * | allowed origins of the Mini App, comma-separated | none |
//! | `MINIGATE_ADMINS` * | Telegram user ids of permanent administrators, comma-separated | none |
//! | `MINIGATE_SESSIONS_PER_USER` * | concurrent sessions of a user, 1 to 50 | 5 |
//! | `MINIGATE_ACCESS_TOKEN_SECONDS` * | lifetime of an access token, 30 to 3,600 | 300 |
//! | `MINIGATE_REFRESH_TOKEN_SECONDS` * | lifetime of a refresh token, 300 to 31,536,000 | 2,592,000 (30 days) |
//! | `MINIGATE_INIT_DATA_SECONDS` * | maximum age of init data, 60 to 604,800 | 86,400 (a day) |
//! | `MINIGATE_INIT_DATA_ONE_TIME_USE` | `true`: init data can be exchanged once, and is accepted nowhere else | `false` |
//! | `MINIGATE_ADDRESS_LIMIT_PER_MINUTE` | requests per minute of one address to one instance, 1 to 1,000,000 | 600 |
//! | `MINIGATE_LIMITS` | overrides of the limits, such as `login=10,api=200/30`: units, and optionally the period in seconds | none |
//! | `MINIGATE_LIMITER_MILLISECONDS` | timeout of a limiter call, 50 to 10,000 | 250 |
//! | `MINIGATE_CACHE_MILLISECONDS` | timeout of a cache call to its table, 50 to 10,000 | 250 |
//! | `MINIGATE_QUEUE_<NAME>` | URL of the queue with this name, for functions that send to it | none |
//! | `MINIGATE_EDGE_KEY_SHA256` | the first 32 hexadecimal digits of the SHA-256 of the edge's key; requests without the key are refused | none: no edge |
//! | `MINIGATE_REQUEST_SECONDS` | timeout of a request, 1 to 29 | 10 |
//! | `MINIGATE_LOG_LEVEL` | `error`, `warn`, `info`, `debug` | `info` |
//!
//! `GET /health` shows Lambda's `AWS_LAMBDA_FUNCTION_NAME` and `AWS_LAMBDA_FUNCTION_VERSION`;
//! `AWS_LAMBDA_RUNTIME_API` is the source of events. The AWS SDK reads its own variables, such as
//! `AWS_ENDPOINT_URL`.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, time::Duration};

use axum::http::HeaderValue;
use minigate_domain::{LimitChange, UserId};
use minigate_store::Tables;
use thiserror::Error;
use tracing::level_filters::LevelFilter;

use crate::{
    Needs,
    layers::EdgeKeyHash,
    limits::{Changes, DeployedLimits, Known},
    settings::{
        ACCESS_TOKEN_SECONDS, AN_ORIGIN, INIT_DATA_SECONDS, REFRESH_TOKEN_SECONDS,
        SESSIONS_PER_USER, Settings, origin,
    },
};

const PREFIX: &str = "MINIGATE_";

/// The configuration of a deployment.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the function needs.
    pub needs: Needs,
    /// The names of the tables.
    pub tables: Tables,
    /// The ids of the bots' secrets; empty if the function does not need them.
    pub bot_secrets: Vec<String>,
    /// The id of the signing key's secret, if the function needs it.
    pub signing_secret: Option<String>,
    /// The id of the secret with the key of certificates, if the function needs it.
    pub certificate_secret: Option<String>,
    /// Where clients reach the API, without a slash at the end; `None`: where API Gateway says.
    pub public_url: Option<String>,
    /// Who issues certificates, as people read it.
    pub issuer_name: String,
    /// The `iss` of the tokens.
    pub issuer: String,
    /// The deployment's settings, before administrators override them.
    pub settings: Settings,
    /// Whether init data can be exchanged only once, and is accepted nowhere else.
    pub init_data_one_time_use: bool,
    /// Requests per minute of one address to one instance.
    pub address_limit_per_minute: u32,
    /// The limits that the function knows, with the deployment's overrides.
    pub limits: DeployedLimits,
    /// The timeout of a limiter call.
    pub limiter_timeout: Duration,
    /// The timeout of a cache call to its table.
    pub cache_timeout: Duration,
    /// The URLs of the queues that the function sends to, by name, in lower case.
    pub queues: BTreeMap<String, String>,
    /// The hash of the edge's key, if there is an edge.
    pub edge_key: Option<EdgeKeyHash>,
    /// The timeout of a request.
    pub request_timeout: Duration,
    /// The log level.
    pub log_level: LevelFilter,
    /// The name of the Lambda function.
    pub function_name: String,
    /// The version of the Lambda function.
    pub function_version: String,
    /// The address of the Lambda runtime API; empty outside of Lambda.
    pub runtime_api: String,
}

/// All faults of the environment.
#[derive(Debug, Error, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

#[derive(Debug, PartialEq, Eq)]
struct Fault {
    variable: String,
    problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.faults.len();
        write!(
            formatter,
            "the environment has {count} fault{}:",
            if count == 1 { "" } else { "s" }
        )?;
        for Fault { variable, problem } in &self.faults {
            write!(formatter, " {variable} {problem};")?;
        }
        write!(formatter, " see shared/platform/src/config.rs for every variable")
    }
}

impl Config {
    /// Reads the environment of the process, for a function with these needs.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing, malformed or unknown variable.
    pub fn from_environment(needs: Needs) -> Result<Self, ConfigError> {
        Self::from_variables(environment(), needs)
    }

    /// Reads these variables, and ignores foreign ones.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing, malformed or unknown variable.
    pub fn from_variables(
        variables: impl IntoIterator<Item = (String, String)>,
        needs: Needs,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader { variables: variables.into_iter().collect(), faults: Vec::new() };
        let config = Self {
            needs,
            tables: Tables {
                main: reader.required("TABLE_MAIN", name),
                volatile: reader.required("TABLE_VOLATILE", name),
                audit: reader.required("TABLE_AUDIT", name),
            },
            bot_secrets: reader.required_if(needs.bots, "BOT_SECRETS", secret_ids),
            signing_secret: reader
                .required_if(needs.signing_key, "SIGNING_SECRET", |text| name(text).map(Some)),
            certificate_secret: reader.required_if(
                needs.certificate_key,
                "CERTIFICATE_SECRET",
                |text| name(text).map(Some),
            ),
            public_url: reader.optional("PUBLIC_URL", "", public_url),
            issuer_name: reader.optional("ISSUER_NAME", "Recertify", issuer_name),
            issuer: reader.optional("ISSUER", "minigate", name),
            settings: reader.settings(),
            init_data_one_time_use: reader.optional("INIT_DATA_ONE_TIME_USE", "false", switch),
            address_limit_per_minute: reader.optional("ADDRESS_LIMIT_PER_MINUTE", "600", |text| {
                whole_number(text, 1, 1_000_000)
                    .map(|number| u32::try_from(number).unwrap_or(u32::MAX))
            }),
            limits: reader.optional("LIMITS", "", |text| limits(text, needs.limits)),
            limiter_timeout: reader.optional("LIMITER_MILLISECONDS", "250", |text| {
                whole_number(text, 50, 10_000).map(Duration::from_millis)
            }),
            cache_timeout: reader.optional("CACHE_MILLISECONDS", "250", |text| {
                whole_number(text, 50, 10_000).map(Duration::from_millis)
            }),
            queues: reader.named("QUEUE_", name),
            edge_key: reader.optional("EDGE_KEY_SHA256", "", edge_key),
            request_timeout: reader.seconds("REQUEST_SECONDS", "10", &(1..=29)),
            log_level: reader.optional("LOG_LEVEL", "info", log_level).0,
            function_name: reader.foreign("AWS_LAMBDA_FUNCTION_NAME"),
            function_version: reader.foreign("AWS_LAMBDA_FUNCTION_VERSION"),
            runtime_api: reader.foreign("AWS_LAMBDA_RUNTIME_API"),
        };
        reader.finish(config)
    }
}

/// The process's environment. Bytes that are not UTF-8 are replaced.
#[expect(clippy::disallowed_methods, reason = "the only module that may read the environment")]
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// Reads variables one by one and collects faults. A faulty variable yields a default that is never used,
/// because [`Reader::finish`] then returns the faults.
struct Reader {
    variables: BTreeMap<String, String>,
    faults: Vec<Fault>,
}

impl Reader {
    fn required<T: Default>(&mut self, name: &str, parse: impl Fn(&str) -> Parsed<T>) -> T {
        match self.variables.remove(&format!("{PREFIX}{name}")) {
            Some(text) => self.parse(name, &text, parse),
            None => self.fault(name, "is missing".to_owned()),
        }
    }

    /// Ignores the variable if it is not needed.
    fn required_if<T: Default>(
        &mut self,
        is_needed: bool,
        name: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> T {
        if is_needed {
            return self.required(name, parse);
        }
        self.variables.remove(&format!("{PREFIX}{name}"));
        T::default()
    }

    fn optional<T: Default>(
        &mut self,
        name: &str,
        default: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> T {
        let text = self.variables.remove(&format!("{PREFIX}{name}"));
        self.parse(name, text.as_deref().unwrap_or(default), parse)
    }

    /// All variables whose names begin like this, by the rest of the name.
    fn named<T: Default>(
        &mut self,
        prefix: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> BTreeMap<String, T> {
        let prefix = format!("{PREFIX}{prefix}");
        let found = self.variables.extract_if(.., |name, _| name.starts_with(&prefix));
        let found: Vec<_> = found.collect();
        let value = |(name, text): (String, String)| {
            let (whole, rest) = (&name[PREFIX.len()..], name[prefix.len()..].to_lowercase());
            (rest, self.parse(whole, &text, &parse))
        };
        found.into_iter().map(value).collect()
    }

    fn seconds(&mut self, name: &str, default: &str, range: &RangeInclusive<u32>) -> Duration {
        self.optional(name, default, |text| number_in(text, range).map(Duration::from_secs))
    }

    /// The deployment's settings.
    fn settings(&mut self) -> Settings {
        let settings = Settings {
            allowed_origins: self.optional("ALLOWED_ORIGINS", "", |text| list(text, an_origin)),
            admins: self.optional("ADMINS", "", |text| list(text, user_id)),
            sessions_per_user: self.optional("SESSIONS_PER_USER", "5", |text| {
                number_in(text, &SESSIONS_PER_USER)
                    .map(|number| usize::try_from(number).unwrap_or(usize::MAX))
            }),
            access_token_lifetime: self.seconds(
                "ACCESS_TOKEN_SECONDS",
                "300",
                &ACCESS_TOKEN_SECONDS,
            ),
            refresh_token_lifetime: self.seconds(
                "REFRESH_TOKEN_SECONDS",
                "2592000",
                &REFRESH_TOKEN_SECONDS,
            ),
            init_data_max_age: self.seconds("INIT_DATA_SECONDS", "86400", &INIT_DATA_SECONDS),
            changed_at: None,
        };
        if self.faults.is_empty()
            && settings.refresh_token_lifetime < settings.access_token_lifetime
        {
            let problem = "must be as long as MINIGATE_ACCESS_TOKEN_SECONDS or longer".to_owned();
            self.fault("REFRESH_TOKEN_SECONDS", problem)
        }
        settings
    }

    /// A variable of Lambda; absent elsewhere.
    fn foreign(&mut self, name: &str) -> String {
        self.variables.remove(name).unwrap_or_default()
    }

    fn parse<T: Default>(
        &mut self,
        name: &str,
        text: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> T {
        parse(text.trim())
            .unwrap_or_else(|expected| self.fault(name, format!("must be {expected}")))
    }

    fn fault<T: Default>(&mut self, name: &str, problem: String) -> T {
        self.faults.push(Fault { variable: format!("{PREFIX}{name}"), problem });
        T::default()
    }

    fn finish(mut self, config: Config) -> Result<Config, ConfigError> {
        // An unread variable with our prefix is most likely misspelt: silently using the default
        // would hide it.
        let unknown = self.variables.into_keys().filter(|name| name.starts_with(PREFIX));
        let unknown = unknown.map(|variable| Fault { variable, problem: "is unknown".to_owned() });
        self.faults.extend(unknown);
        if self.faults.is_empty() { Ok(config) } else { Err(ConfigError { faults: self.faults }) }
    }
}

/// A value, or what was expected. Messages never repeat values, which may be misplaced secrets.
type Parsed<T> = Result<T, String>;

fn name(text: &str) -> Parsed<String> {
    if text.is_empty() || text.len() > 512 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("1 to 512 printable ASCII characters without spaces".to_owned());
    }
    Ok(text.to_owned())
}

/// `https://api.example.org` or, for a laptop, `http://127.0.0.1:3000`.
fn public_url(text: &str) -> Parsed<Option<String>> {
    if text.is_empty() {
        return Ok(None);
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/".contains(&byte);
    match rest {
        Some(rest) if rest.bytes().all(plain) && text.len() <= 200 => {
            let text = text.trim_end_matches('/');
            Some(text.to_owned()).filter(|text| text.len() > "https://".len()).map(Some)
        }
        _ => None,
    }
    .ok_or_else(|| "an address such as https://api.example.org".to_owned())
}

fn issuer_name(text: &str) -> Parsed<String> {
    let is_name = (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if is_name { Ok(text.to_owned()) } else { Err("1 to 64 characters".to_owned()) }
}

fn secret_ids(text: &str) -> Parsed<Vec<String>> {
    const EXPECTED: &str = "1 to 20 names or ARNs of secrets, separated by commas";
    let ids: Vec<String> = list(text, name).map_err(|_| EXPECTED.to_owned())?;
    if (1..=20).contains(&ids.len()) { Ok(ids) } else { Err(EXPECTED.to_owned()) }
}

fn list<T, C: FromIterator<T>>(text: &str, parse: impl Fn(&str) -> Parsed<T>) -> Parsed<C> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(parse).collect()
}

fn an_origin(text: &str) -> Parsed<HeaderValue> {
    origin(text).ok_or_else(|| format!("{AN_ORIGIN}, or several, separated by commas"))
}

fn user_id(text: &str) -> Parsed<UserId> {
    text.parse().map_err(|_| "Telegram user ids, separated by commas".to_owned())
}

/// `login=10,api=200/30`. Of a limit that another function has, only the form is looked at.
fn limits(text: &str, known: Known) -> Parsed<DeployedLimits> {
    const EXPECTED: &str = "limits such as `login=10` or `login=10/60`, separated by commas";
    let one = |part: &str| {
        let (name, numbers) = part.split_once('=').ok_or(EXPECTED)?;
        if known.is_all() && known.find(name).is_none() {
            return Err(format!("{EXPECTED}, each one of {}", known.names()));
        }
        let (limit, period) = numbers
            .split_once('/')
            .map_or((numbers, None), |(limit, period)| (limit, Some(period)));
        let number = |text: &str| text.parse().map_err(|_| EXPECTED.to_owned());
        let (limit, period_seconds) = (number(limit)?, period.map(number).transpose()?);
        let change = LimitChange { limit: Some(limit), period_seconds, ..Default::default() };
        Ok((name.to_owned(), change))
    };
    let changes: Changes = list(text, one)?;
    DeployedLimits::new(known, changes).map_err(|error| format!("{EXPECTED}: {}", error.message))
}

fn edge_key(text: &str) -> Parsed<Option<EdgeKeyHash>> {
    if text.is_empty() {
        return Ok(None);
    }
    let hash = EdgeKeyHash::from_hex(text);
    hash.map(Some).ok_or_else(|| "32 lower-case hexadecimal digits".to_owned())
}

fn switch(text: &str) -> Parsed<bool> {
    text.parse().map_err(|_| "`true` or `false`".to_owned())
}

fn number_in(text: &str, range: &RangeInclusive<u32>) -> Parsed<u64> {
    whole_number(text, u64::from(*range.start()), u64::from(*range.end()))
}

fn whole_number(text: &str, least: u64, most: u64) -> Parsed<u64> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("a whole number from {least} to {most}")),
    }
}

struct Level(LevelFilter);

impl Default for Level {
    fn default() -> Self {
        Self(LevelFilter::INFO)
    }
}

fn log_level(text: &str) -> Parsed<Level> {
    match text {
        "error" => Ok(Level(LevelFilter::ERROR)),
        "warn" => Ok(Level(LevelFilter::WARN)),
        "info" => Ok(Level(LevelFilter::INFO)),
        "debug" => Ok(Level(LevelFilter::DEBUG)),
        _ => Err("`error`, `warn`, `info` or `debug`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{
        API, Terms,
        tests::{KNOWN, LOGIN, REFRESH},
    };

    const GOOD: &[(&str, &str)] = &[
        ("MINIGATE_TABLE_MAIN", "main"),
        ("MINIGATE_TABLE_VOLATILE", "volatile"),
        ("MINIGATE_TABLE_AUDIT", "audit"),
        ("MINIGATE_BOT_SECRETS", "bots/a, bots/b"),
        ("MINIGATE_SIGNING_SECRET", "signing"),
    ];

    fn read(more: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = GOOD.iter().chain(more);
        let variables = variables.map(|(name, value)| (name.to_string(), value.to_string()));
        Config::from_variables(variables, Needs { limits: KNOWN, ..Needs::ALL })
    }

    #[test]
    fn the_address_of_certificates_is_a_plain_one() {
        let public_url =
            |text: &str| read(&[("MINIGATE_PUBLIC_URL", text)]).map(|it| it.public_url);
        let is = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(public_url("https://a.example/live/"), is("https://a.example/live"));
        assert_eq!(public_url("http://127.0.0.1:3000"), is("http://127.0.0.1:3000"));
        assert_eq!(public_url(""), Ok(None));
        for text in
            ["a.example", "ftp://a.example", "https://", "https://a.example?x", "https://a@b"]
        {
            assert!(public_url(text).is_err(), "{text}");
        }
        assert!(read(&[("MINIGATE_ISSUER_NAME", "a\nb")]).is_err());
    }

    #[test]
    fn what_is_required_is_enough() {
        let config = read(&[("HOME", "/root")]).unwrap();
        assert_eq!(config.bot_secrets, ["bots/a", "bots/b"]);
        assert_eq!(config.settings.access_token_lifetime, Duration::from_secs(300));
        assert!(config.settings.allowed_origins.is_empty());
    }

    #[test]
    fn queues_have_the_names_that_their_variables_end_with() {
        let url = "https://sqs.eu-central-1.amazonaws.com/1/mail";
        let config = read(&[("MINIGATE_QUEUE_MAIL", url)]).unwrap();
        assert_eq!(config.queues, [("mail".to_owned(), url.to_owned())].into());
        let error = read(&[("MINIGATE_QUEUE_MAIL", "")]).unwrap_err().to_string();
        assert!(error.contains("MINIGATE_QUEUE_MAIL must be"), "{error}");
    }

    #[test]
    fn only_the_secrets_that_are_needed_have_to_be_named() {
        let read = |needs, names: &[&str]| {
            let good = GOOD.iter().filter(|(name, _)| names.iter().any(|end| name.ends_with(end)));
            let good = good.map(|(name, value)| (name.to_string(), value.to_string()));
            Config::from_variables(good, needs).map_err(|error| error.to_string())
        };
        let tables = ["_MAIN", "_VOLATILE", "_AUDIT"];
        for (needs, missing) in [
            (Needs::BOTS, vec!["MINIGATE_BOT_SECRETS"]),
            (Needs::SIGNING_KEY, vec!["MINIGATE_SIGNING_SECRET"]),
            (Needs::ALL, vec!["MINIGATE_BOT_SECRETS", "MINIGATE_SIGNING_SECRET"]),
        ] {
            let error = read(needs, &tables).unwrap_err();
            for variable in ["MINIGATE_BOT_SECRETS", "MINIGATE_SIGNING_SECRET"] {
                assert_eq!(error.contains(variable), missing.contains(&variable), "{error}");
            }
        }
        let everything = [&tables[..], &["_SECRETS", "_SECRET"]].concat();
        let config = read(Needs::SIGNING_KEY, &everything).unwrap();
        assert!(config.bot_secrets.is_empty(), "what is not needed is not taken");
        assert_eq!(config.signing_secret.as_deref(), Some("signing"));
        assert_eq!(read(Needs::BOTS, &everything).unwrap().signing_secret, None);
    }

    #[test]
    fn every_fault_is_named_in_one_message() {
        let error = Config::from_variables(
            [
                ("MINIGATE_TABLE_MAIN", "main"),
                ("MINIGATE_BOT_SECRETS", " , "),
                ("MINIGATE_ACCESS_TOKEN_SECONDS", "5"),
                ("MINIGATE_ALLOWED_ORIGINS", "https://app.example/path"),
                ("MINIGATE_TABEL_AUDIT", "audit"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
            Needs::ALL,
        )
        .unwrap_err()
        .to_string();
        for expected in [
            "7 faults",
            "MINIGATE_TABLE_VOLATILE is missing",
            "MINIGATE_TABLE_AUDIT is missing",
            "MINIGATE_SIGNING_SECRET is missing",
            "MINIGATE_BOT_SECRETS must be",
            "MINIGATE_ACCESS_TOKEN_SECONDS must be",
            "MINIGATE_ALLOWED_ORIGINS must be",
            "MINIGATE_TABEL_AUDIT is unknown",
        ] {
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        }
    }

    #[test]
    fn a_value_in_the_wrong_place_is_not_repeated() {
        let error = read(&[("MINIGATE_ADMINS", "123:SECRET")]).unwrap_err().to_string();
        assert!(!error.contains("SECRET"), "{error}");
    }

    #[test]
    fn limits_are_changed_by_name() {
        let config = read(&[("MINIGATE_LIMITS", "login=10, api=200/30")]).unwrap();
        let terms = |limit| {
            let Terms { limit, period_seconds, .. } = config.limits.terms(limit);
            (limit, period_seconds)
        };
        assert_eq!(terms(&LOGIN), (10, 60));
        assert_eq!(terms(&API), (200, 30));
        assert_eq!(terms(&REFRESH), (30, 60));
    }

    #[test]
    fn a_limit_that_none_may_be_is_refused_by_name() {
        for (text, expected) in [
            ("login", "must be limits such as `login=10`"),
            ("login=", "must be limits such as `login=10`"),
            ("login=-1", "must be limits such as `login=10`"),
            ("login=1/2/3", "must be limits such as `login=10`"),
            ("logon=1", "each one of api, admin, login,"),
            ("login=0", "policy login: the limit 0 must be 1 to"),
            ("api=5,login=5/0", "policy login: the period 0ns must be"),
            ("verify=9", "policy verify: the burst 9 must be 200 or more"),
            ("admin=1/31622400", "policy admin: 5 units or more must be left at once"),
        ] {
            let error = read(&[("MINIGATE_LIMITS", text)]).unwrap_err().to_string();
            assert!(error.contains("MINIGATE_LIMITS "), "{error}");
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        }
    }

    /// Whoever writes them knows all of them: the administrators' function, which does not start with
    /// a name that no limit has.
    #[test]
    fn a_function_passes_over_limits_of_others() {
        let read = |needs, text: &str| {
            let variables = [GOOD, &[("MINIGATE_LIMITS", text)]].concat();
            let variables =
                variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
            Config::from_variables(variables, needs).map_err(|error| error.to_string())
        };
        const NEEDS: Needs = Needs::ALL.limits(&[LOGIN]);
        let config = read(NEEDS, "login=7,refresh=9,logon=0").unwrap();
        assert_eq!(config.limits.terms(&LOGIN).limit, 7);
        assert_eq!(config.limits.known().names(), "api, admin, login");
        for (needs, text, expected) in [
            (NEEDS, "refresh", "must be limits such as `login=10`"),
            (NEEDS, "login=0", "policy login: the limit 0 must be 1 to"),
            (Needs::ALL.all_limits(&[LOGIN]), "refresh=9", "each one of api, admin, login;"),
        ] {
            let error = read(needs, text).unwrap_err();
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        }
    }
}
