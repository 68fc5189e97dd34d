//! What `cargo dev` prints once it is ready.

use std::time::Duration;

use minigate_local::{
    DevServer, NamedSecret, SecretState, development, limits as every_limit, routes,
};
use minigate_platform::aws;

use crate::{arguments::Arguments, init_data};

/// Addresses, credentials, what differs from a deployment's defaults, routes, and a request to paste.
pub(crate) fn ready(
    server: &DevServer,
    arguments: &Arguments,
    took: Duration,
) -> Result<String, String> {
    let (base_url, aws_url) = (server.base_url(), server.aws_endpoint_url());
    let options = &arguments.options;
    let where_data_is = match (&options.aws_endpoint, &options.data_dir) {
        (Some(_), _) => "which ran already".to_owned(),
        (None, Some(dir)) => format!("in {}", dir.display()),
        (None, None) => "in memory".to_owned(),
    };
    let environment = options.environment();
    let variable = |name: &str| {
        environment.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.as_str())
    };
    let route = |(method, path): (String, String)| format!("  {method:<6} {path}\n");
    Ok(format!(
        "minigate is ready on {base_url} after {took} ms\n\
         \n  DynamoDB and Secrets Manager  {aws_url} ({where_data_is})\
         \n  for the AWS CLI               {sdk}\
         {bots}\
         \n  pages that may call the API   {origins} (MINIGATE_ALLOWED_ORIGINS)\
         \n  limits                        {limits} (MINIGATE_LIMITS)\n\
         \n{routes}{missing}\
         \nA first request:\n\
         \n  {curl}\n\n",
        took = took.as_millis(),
        sdk = sdk_variables(&aws_url).join(" "),
        bots = server.secrets().iter().filter_map(bot).collect::<String>(),
        origins = or_none(&variable("MINIGATE_ALLOWED_ORIGINS").replace(',', ", ")),
        limits = limits(variable("MINIGATE_LIMITS")),
        routes = routes::list().into_iter().map(route).collect::<String>(),
        missing = missing_secrets(server.secrets(), &aws_url),
        curl = first_request(server, arguments)?,
    ))
}

/// The variables of programs with an AWS SDK. The AWS CLI ignores `AWS_REGION`.
pub(crate) fn sdk_variables(endpoint_url: &str) -> [String; 5] {
    [
        format!("AWS_ENDPOINT_URL={endpoint_url}"),
        format!("AWS_REGION={}", aws::EMULATOR_REGION),
        format!("AWS_DEFAULT_REGION={}", aws::EMULATOR_REGION),
        format!("AWS_ACCESS_KEY_ID={}", aws::EMULATOR_CREDENTIAL),
        format!("AWS_SECRET_ACCESS_KEY={}", aws::EMULATOR_CREDENTIAL),
    ]
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn bot(secret: &NamedSecret) -> Option<String> {
    let bot = match secret.state {
        SecretState::DevelopmentBot => {
            format!("one that does not exist, token {}", development::BOT_TOKEN)
        }
        SecretState::Bot(id) => format!("{id} (its token is not shown)"),
        SecretState::SigningKey
        | SecretState::CertificateKey
        | SecretState::Missing
        | SecretState::Malformed => return None,
    };
    Some(format!("\n  bot                           {bot}"))
}

/// The overridden limits, each with its default.
fn limits(changes: &str) -> String {
    let change = |change: &str| {
        let limit = change.split('=').next().and_then(|name| every_limit::all().find(name));
        let default =
            limit.map(|limit| format!(" ({} by default)", limit.units)).unwrap_or_default();
        format!("{change}{default}")
    };
    let changes = changes.split(',').map(str::trim).filter(|text| !text.is_empty());
    let changes: Vec<String> = changes.map(change).collect();
    if changes.is_empty() { "as by default".to_owned() } else { changes.join(", ") }
}

/// How to create missing secrets and replace malformed ones.
pub(crate) fn missing_secrets(secrets: &[NamedSecret], aws_url: &str) -> String {
    let advice = |NamedSecret { variable, id, state }: &NamedSecret| {
        let (fault, call) = match state {
            SecretState::Missing => ("is not there", "create-secret --name"),
            SecretState::Malformed => ("is not a bot's", "put-secret-value --secret-id"),
            SecretState::DevelopmentBot
            | SecretState::Bot(_)
            | SecretState::SigningKey
            | SecretState::CertificateKey => return None,
        };
        let shape = match *variable {
            "MINIGATE_BOT_SECRETS" => {
                r#"{"bot_id": 123, "token": "123:AA...", "webhook_secret": "..."}"#
            }
            "MINIGATE_CERTIFICATE_SECRET" => r#"{"seed": "<base64url of 32 random bytes>"}"#,
            _ => r#"{"key_id": "...", "seed": "<base64url of 32 random bytes>"}"#,
        };
        Some(format!(
            "\nThe secret {id}, which {variable} names, {fault}. Requests that need it are answered 503 \
             until it is created:\n\
             \n  aws secretsmanager {call} {id} --secret-string file:///dev/stdin \
             --endpoint-url {aws_url}\n\
             \nand, on its standard input, {shape}\n",
        ))
    };
    secrets.iter().filter_map(advice).collect()
}

fn first_request(server: &DevServer, arguments: &Arguments) -> Result<String, String> {
    let url = format!("{}/v1/sessions", server.base_url());
    let states: Vec<&SecretState> = server.secrets().iter().map(|secret| &secret.state).collect();
    Ok(if arguments.options.bot_token.is_some() {
        // Init data of a real bot is a credential wherever that bot is used: it is not printed.
        let command = format!("cargo dev init-data{}", arguments.bot_argument);
        format!("curl -X POST {url} -H \"Authorization: tma $({command})\"")
    } else if states.contains(&&SecretState::DevelopmentBot) {
        let init_data = init_data(None, arguments.user_id)?;
        format!("curl -X POST {url} -H 'Authorization: tma {init_data}'")
    } else {
        format!("curl -X POST {url} -H 'Authorization: tma <init data of your Mini App>'")
    })
}
