//! `--aws-endpoint`: an emulator of somebody else gets the tables and secrets that it lacks. Here it
//! is a second, empty embedded endpoint.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, KeySchemaElement, KeyType, ScalarAttributeType,
};
use minigate_embedded_aws::EmbeddedAws;
use minigate_local::{AwsEndpoint, DevServer, Hosts, Options, SecretState, development, start_aws};
use minigate_platform::aws::configuration_of_emulator;

use crate::{
    command::{run, text},
    functions::now_unix_seconds,
};

async fn empty() -> EmbeddedAws {
    EmbeddedAws::start(minigate_embedded_aws::Options::default()).await.unwrap()
}

fn options(aws: &EmbeddedAws) -> Options {
    let endpoint = AwsEndpoint::parse(&aws.endpoint_url(), Hosts::ThisMachine).unwrap();
    Options { aws_endpoint: Some(endpoint), ..Options::default() }
}

async fn dynamodb(aws: &EmbeddedAws) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&configuration_of_emulator(&aws.endpoint_url()).await)
}

async fn secrets(aws: &EmbeddedAws) -> aws_sdk_secretsmanager::Client {
    aws_sdk_secretsmanager::Client::new(&configuration_of_emulator(&aws.endpoint_url()).await)
}

async fn open_session(base_url: &str, init_data: &str) -> u16 {
    let request = reqwest::Client::new().post(format!("{base_url}/v1/sessions"));
    let answer = request.header("authorization", format!("tma {init_data}")).send().await;
    answer.unwrap().status().as_u16()
}

/// What of a table requests depend on.
async fn shape(client: &aws_sdk_dynamodb::Client, table: &str) -> String {
    let described = client.describe_table().table_name(table).send().await.unwrap().table.unwrap();
    let life = client.describe_time_to_live().table_name(table).send().await.unwrap();
    let life = life.time_to_live_description;
    let indexes: Vec<_> = described
        .global_secondary_indexes()
        .iter()
        .map(|index| (index.index_name(), index.key_schema(), index.projection()))
        .collect();
    format!(
        "{:?} {:?} {indexes:?} {:?} {life:?}",
        described.key_schema(),
        described.billing_mode_summary().map(|summary| summary.billing_mode()),
        described.stream_specification(),
    )
}

#[tokio::test]
async fn what_is_missing_is_made_and_what_is_there_stays() {
    let theirs = empty().await;
    let server = DevServer::start(options(&theirs)).await.unwrap();
    assert_eq!(server.aws_endpoint_url(), theirs.endpoint_url());
    let states: Vec<_> = server.secrets().iter().map(|secret| &secret.state).collect();
    assert_eq!(
        states,
        [&SecretState::DevelopmentBot, &SecretState::SigningKey, &SecretState::CertificateKey]
    );
    let init_data = development::init_data(7, now_unix_seconds()).unwrap();
    assert_eq!(open_session(&server.base_url(), &init_data).await, 201);
    server.shutdown().await;

    let ours = start_aws(&Options::default()).await.unwrap();
    let (theirs_client, ours_client) = (dynamodb(&theirs).await, dynamodb(&ours).await);
    for table in ["minigate-Main", "minigate-Volatile", "minigate-Audit"] {
        assert_eq!(shape(&theirs_client, table).await, shape(&ours_client, table).await, "{table}");
    }

    // It runs on, with the user in it, and a token of their own that is left alone.
    let own = r#"{"bot_id":7,"token":"7:own","webhook_secret":"own"}"#;
    let put = secrets(&theirs).await.put_secret_value().secret_id(development::BOT_SECRET);
    put.secret_string(own).send().await.unwrap();
    let server = DevServer::start(options(&theirs)).await.unwrap();
    assert_eq!(server.secrets()[0].state, SecretState::Bot(7));
    let read = secrets(&theirs).await.get_secret_value().secret_id(development::BOT_SECRET);
    assert_eq!(read.send().await.unwrap().secret_string(), Some(own));
    server.shutdown().await;
    assert_eq!(theirs_client.list_tables().send().await.unwrap().table_names().len(), 3);
}

#[tokio::test]
async fn the_environment_of_functions_prepares_the_endpoint() {
    let theirs = empty().await;
    let url = theirs.endpoint_url();
    let (url_of_env, names) = (url.clone(), [("MINIGATE_BOT_SECRETS", "my/bot")]);
    let output =
        tokio::task::spawn_blocking(move || run(&["env", "--aws-endpoint", &url_of_env], &names));
    let output = output.await.unwrap();
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(printed.lines().any(|line| line == format!("AWS_ENDPOINT_URL={url}")), "{printed}");
    assert!(said.contains("The secret my/bot"), "{said}");
    assert!(!printed.contains("The secret"), "{printed}");
    let tables = dynamodb(&theirs).await.list_tables().send().await.unwrap();
    assert_eq!(tables.table_names().len(), 3);
}

#[tokio::test]
async fn a_table_of_others_is_named_and_left_alone() {
    let theirs = empty().await;
    let client = dynamodb(&theirs).await;
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let attribute =
        AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    client
        .create_table()
        .table_name("minigate-Audit")
        .billing_mode("PAY_PER_REQUEST".into())
        .key_schema(key.build().unwrap())
        .attribute_definitions(attribute.build().unwrap())
        .send()
        .await
        .unwrap();
    let error = DevServer::start(options(&theirs)).await.err().unwrap().to_string();
    assert!(error.contains("the table minigate-Audit on http://127.0.0.1:"), "{error}");
    assert!(error.contains("has other keys"), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_used_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    for command in ["serve", "env"] {
        let output = run(&[command, "--aws-endpoint", &url], &[("PORT", "0")]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(&format!("nothing answers on {url}")), "{message}");
    }
    // Something else than an emulator: the API itself.
    let server = DevServer::start(Options::default()).await.unwrap();
    let other = AwsEndpoint::parse(&server.base_url(), Hosts::ThisMachine).unwrap();
    let options = Options { aws_endpoint: Some(other), ..Options::default() };
    let error = DevServer::start(options).await.err().unwrap().to_string();
    assert!(error.contains("does not answer DescribeTable as AWS does"), "{error}");
}
