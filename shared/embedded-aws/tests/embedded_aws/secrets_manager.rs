//! Staging labels and error shapes of secrets.

use std::{collections::BTreeMap, fmt::Debug};

use aws_sdk_secretsmanager::{
    Client,
    error::ProvideErrorMetadata,
    operation::get_secret_value::{GetSecretValueError, builders::GetSecretValueFluentBuilder},
    primitives::Blob,
};

use minigate_embedded_aws::{EmbeddedAws, Options};

use crate::{Aws, clients};

/// Tokens of legal length, which become version ids.
const FIRST: &str = "00000000-0000-0000-0000-000000000001";
const SECOND: &str = "00000000-0000-0000-0000-000000000002";
const THIRD: &str = "00000000-0000-0000-0000-000000000003";

async fn create(client: &Client, value: &str) {
    client
        .create_secret()
        .name("bot")
        .secret_string(value)
        .client_request_token(FIRST)
        .send()
        .await
        .unwrap();
}

async fn put(client: &Client, token: &str, value: &str) {
    client
        .put_secret_value()
        .secret_id("bot")
        .secret_string(value)
        .client_request_token(token)
        .send()
        .await
        .unwrap();
}

/// The labels of every version that has one.
async fn stages(client: &Client) -> BTreeMap<String, Vec<String>> {
    let secret = client.describe_secret().secret_id("bot").send().await.unwrap();
    secret.version_ids_to_stages.unwrap().into_iter().collect()
}

fn labels<const N: usize>(of: [(&str, &[&str]); N]) -> BTreeMap<String, Vec<String>> {
    of.into_iter()
        .map(|(id, labels)| (id.to_owned(), labels.iter().map(|&l| l.to_owned()).collect()))
        .collect()
}

async fn value_at(client: &Client, stage: &str) -> String {
    let secret = client.get_secret_value().secret_id("bot").version_stage(stage).send().await;
    secret.unwrap().secret_string.unwrap()
}

/// The code of the error that a call ends with.
fn code<T: Debug>(result: Result<T, impl ProvideErrorMetadata>) -> String {
    result.expect_err("it is refused").code().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_new_value_is_current_and_the_one_before_is_previous() {
    let aws = Aws::start().await;
    let client = &aws.secrets_manager;
    create(client, "one").await;
    assert_eq!(stages(client).await, labels([(FIRST, &["AWSCURRENT"])]));
    put(client, SECOND, "two").await;
    put(client, THIRD, "three").await;
    // The first version has no label left. It can still be read by its id.
    let expected = labels([(SECOND, &["AWSPREVIOUS"]), (THIRD, &["AWSCURRENT"])]);
    assert_eq!(stages(client).await, expected);
    assert_eq!(value_at(client, "AWSPREVIOUS").await, "two");
    assert_eq!(value_at(client, "AWSCURRENT").await, "three");
    let first = client.get_secret_value().secret_id("bot").version_id(FIRST).send().await.unwrap();
    assert_eq!(first.secret_string(), Some("one"));
    assert!(first.version_stages().is_empty());
}

#[tokio::test]
async fn rotation_stages_a_pending_value_and_promotes_it() {
    let aws = Aws::start().await;
    let client = &aws.secrets_manager;
    create(client, "one").await;
    client
        .put_secret_value()
        .secret_id("bot")
        .secret_string("two")
        .client_request_token(SECOND)
        .version_stages("AWSPENDING")
        .send()
        .await
        .unwrap();
    let pending = labels([(FIRST, &["AWSCURRENT"]), (SECOND, &["AWSPENDING"])]);
    assert_eq!(stages(client).await, pending);

    let promote = || {
        client
            .update_secret_version_stage()
            .secret_id("bot")
            .version_stage("AWSCURRENT")
            .move_to_version_id(SECOND)
    };
    assert_eq!(code(promote().send().await), "InvalidParameterException", "from where is missing");
    promote().remove_from_version_id(FIRST).send().await.unwrap();
    let promoted = labels([(FIRST, &["AWSPREVIOUS"]), (SECOND, &["AWSCURRENT", "AWSPENDING"])]);
    assert_eq!(stages(client).await, promoted);

    let drop_stage = |stage: &str| {
        client
            .update_secret_version_stage()
            .secret_id("bot")
            .version_stage(stage)
            .remove_from_version_id(SECOND)
            .send()
    };
    drop_stage("AWSPENDING").await.unwrap();
    assert_eq!(code(drop_stage("AWSCURRENT").await), "InvalidParameterException");
    let done = labels([(FIRST, &["AWSPREVIOUS"]), (SECOND, &["AWSCURRENT"])]);
    assert_eq!(stages(client).await, done);

    // Rolling back swaps the two.
    client
        .update_secret_version_stage()
        .secret_id("bot")
        .version_stage("AWSCURRENT")
        .remove_from_version_id(SECOND)
        .move_to_version_id(FIRST)
        .send()
        .await
        .unwrap();
    let back = labels([(FIRST, &["AWSCURRENT"]), (SECOND, &["AWSPREVIOUS"])]);
    assert_eq!(stages(client).await, back);
}

#[tokio::test]
async fn a_retry_with_the_same_token_adds_nothing() {
    let aws = Aws::start().await;
    let client = &aws.secrets_manager;
    create(client, "one").await;
    create(client, "one").await;
    put(client, SECOND, "two").await;
    put(client, SECOND, "two").await;
    let expected = labels([(FIRST, &["AWSPREVIOUS"]), (SECOND, &["AWSCURRENT"])]);
    assert_eq!(stages(client).await, expected);
    let other = client.put_secret_value().secret_id("bot").client_request_token(SECOND);
    assert_eq!(code(other.secret_string("other").send().await), "ResourceExistsException");
}

#[tokio::test]
async fn a_secret_is_found_by_name_and_by_arn() {
    let aws = Aws::start().await;
    let client = &aws.secrets_manager;
    let created = client
        .create_secret()
        .name("minigate/dev/bot-1")
        .secret_binary(Blob::new([0, 255]))
        .send()
        .await
        .unwrap();
    let arn = created.arn.unwrap();
    let (partial_arn, _) = arn.rsplit_once('-').unwrap();
    for id in ["minigate/dev/bot-1", &arn, partial_arn] {
        let secret = client.get_secret_value().secret_id(id).send().await.unwrap();
        assert_eq!(secret.name(), Some("minigate/dev/bot-1"));
        assert_eq!(secret.arn(), Some(arn.as_str()));
        assert_eq!(secret.secret_binary(), Some(&Blob::new([0, 255])));
        assert_eq!(secret.version_stages(), ["AWSCURRENT"]);
        assert!(secret.created_date().is_some_and(|date| date.secs() > 0));
    }
}

#[tokio::test]
async fn what_is_missing_is_not_found() {
    let aws = Aws::start().await;
    let client = &aws.secrets_manager;
    let read = |request: GetSecretValueFluentBuilder| async {
        let error = request.send().await.expect_err("it is missing").into_service_error();
        assert!(matches!(error, GetSecretValueError::ResourceNotFoundException(_)), "{error:?}");
        error.message().unwrap_or_default().to_owned()
    };
    let bot = || client.get_secret_value().secret_id("bot");
    assert_eq!(read(bot()).await, "Secrets Manager can't find the specified secret.");
    create(client, "one").await;
    assert_eq!(
        read(bot().version_stage("AWSPREVIOUS")).await,
        "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS"
    );
    assert_eq!(
        read(bot().version_id(SECOND)).await,
        format!("Secrets Manager can't find the specified secret value for VersionId: {SECOND}")
    );
    let both = bot().version_id(FIRST).version_stage("AWSPREVIOUS").send().await;
    assert_eq!(code(both), "InvalidRequestException");
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let aws = Aws::start().await;
    let client = &aws.secrets_manager;
    let create =
        |name: &str, value: &str| client.create_secret().name(name).secret_string(value).send();
    assert_eq!(code(create("a b", "v").await), "ValidationException");
    assert_eq!(code(create("bot", "").await), "InvalidParameterException");
    assert_eq!(code(create("bot", &"x".repeat(65_537)).await), "InvalidParameterException");
    create("bot", &"x".repeat(65_536)).await.unwrap();
    assert_eq!(code(create("bot", "again").await), "ResourceExistsException");
    let nothing = client.put_secret_value().secret_id("bot").send().await;
    assert_eq!(code(nothing), "InvalidParameterException");
}

#[tokio::test]
async fn a_deleted_secret_is_kept_from_readers_until_it_is_restored() {
    let aws = Aws::start().await;
    let client = &aws.secrets_manager;
    create(client, "one").await;
    client.delete_secret().secret_id("bot").recovery_window_in_days(7).send().await.unwrap();
    let read = || client.get_secret_value().secret_id("bot").send();
    assert_eq!(code(read().await), "InvalidRequestException");
    let described = client.describe_secret().secret_id("bot").send().await.unwrap();
    assert!(described.deleted_date().is_some());
    assert!(client.list_secrets().send().await.unwrap().secret_list().is_empty());
    client.restore_secret().secret_id("bot").send().await.unwrap();
    assert_eq!(read().await.unwrap().secret_string(), Some("one"));
    let delete = || client.delete_secret().secret_id("bot").force_delete_without_recovery(true);
    delete().send().await.unwrap();
    assert_eq!(code(read().await), "ResourceNotFoundException");
    delete().send().await.unwrap();
}

#[tokio::test]
async fn secrets_are_listed_in_pages() {
    let aws = Aws::start().await;
    let client = &aws.secrets_manager;
    for name in ["c", "a", "b"] {
        client.create_secret().name(name).description(name).send().await.unwrap();
    }
    let first = client.list_secrets().max_results(2).send().await.unwrap();
    let next = first.next_token().map(str::to_owned);
    assert!(next.is_some());
    let second = client.list_secrets().set_next_token(next).send().await.unwrap();
    assert_eq!(second.next_token(), None);
    let names: Vec<_> = first
        .secret_list()
        .iter()
        .chain(second.secret_list())
        .map(|secret| (secret.name().unwrap_or_default(), secret.description().unwrap_or_default()))
        .collect();
    assert_eq!(names, [("a", "a"), ("b", "b"), ("c", "c")]);
}

#[tokio::test]
async fn secrets_in_a_directory_outlive_the_process() {
    let directory = std::env::temp_dir().join(format!("embedded-secrets-{}", std::process::id()));
    let options = || Options { data_dir: Some(directory.clone()), ..Options::default() };
    let file = directory.join("secrets.json");

    let first = EmbeddedAws::start(options()).await.unwrap();
    let (_, secrets) = clients(&first.endpoint_url());
    secrets.create_secret().name("bot").secret_string("first").send().await.unwrap();
    secrets.put_secret_value().secret_id("bot").secret_string("second").send().await.unwrap();
    first.shutdown().await;
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600, "others can read the secrets");

    let second = EmbeddedAws::start(options()).await.unwrap();
    let (_, secrets) = clients(&second.endpoint_url());
    for (stage, expected) in [("AWSCURRENT", "second"), ("AWSPREVIOUS", "first")] {
        let read = secrets.get_secret_value().secret_id("bot").version_stage(stage).send().await;
        assert_eq!(read.unwrap().secret_string(), Some(expected));
    }
    second.shutdown().await;

    std::fs::write(&file, r#"{"bot": "SECRET-VALUE"}"#).unwrap();
    let error = EmbeddedAws::start(options()).await.expect_err("it does not start").to_string();
    assert!(error.contains("secrets.json is damaged at line 1"), "{error}");
    assert!(!error.contains("SECRET-VALUE"), "{error}");
    std::fs::remove_dir_all(directory).unwrap();
}
