//! Developing with a real bot: its token is taken, kept, and never shown.

use std::path::{Path, PathBuf};

use minigate_init_data::Signer;
use minigate_local::development;
use minigate_platform::aws::configuration_of_emulator;

use crate::{
    command::{Dev, run, text},
    functions::now_unix_seconds,
};

const TOKEN: &str = "123456789:AAE-a_token_of_no_real_bot";
const USER: (&str, &str) = ("user", r#"{"id":7,"first_name":"Ada"}"#);

/// A folder of a test's own.
fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("minigate-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

fn path(directory: &Path, name: &str) -> String {
    directory.join(name).to_str().unwrap().to_owned()
}

/// The status of opening a session with init data that this token has signed.
async fn open_session(dev: &Dev, token: &str) -> u16 {
    let init_data = Signer::from_bot_token(token).unwrap().sign(&[USER], now_unix_seconds());
    reqwest::Client::new()
        .post(format!("{}/v1/sessions", dev.base_url()))
        .header("authorization", format!("tma {}", init_data.unwrap()))
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

/// Both versions of a secret.
async fn versions(dev: &Dev, secret: &str) -> Vec<String> {
    let shared = configuration_of_emulator(&dev.sdk_variable("AWS_ENDPOINT_URL")).await;
    let client = aws_sdk_secretsmanager::Client::new(&shared);
    let mut versions = Vec::new();
    for stage in ["AWSCURRENT", "AWSPREVIOUS"] {
        let read = client.get_secret_value().secret_id(secret).version_stage(stage).send().await;
        versions.extend(read.ok().and_then(|value| value.secret_string));
    }
    versions
}

#[tokio::test]
async fn its_token_is_kept_with_the_data_and_replaces_what_is_public() {
    let directory = directory("real-bot");
    let (data, file) = (path(&directory, "data"), path(&directory, "token"));
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();

    let dev = Dev::start_with(&["--data", &data], &[]);
    assert_eq!(open_session(&dev, development::BOT_TOKEN).await, 201);
    dev.stop();
    for arguments in [&["--data", &data, "--bot-token-file", &file][..], &["--data", &data]] {
        let dev = Dev::start_with(arguments, &[]);
        let printed = dev.printed();
        assert!(printed.contains("123456789 (its token is not shown)"), "{printed}");
        for secret in [TOKEN, development::BOT_TOKEN, "AAE-", "auth_date"] {
            assert!(!printed.contains(secret), "{secret} is in {printed}");
        }
        assert_eq!(open_session(&dev, TOKEN).await, 201);
        assert_eq!(open_session(&dev, development::BOT_TOKEN).await, 401);
        for secret in [development::BOT_SECRET, development::SIGNING_SECRET] {
            let versions = versions(&dev, secret).await;
            assert_eq!(versions.len(), 2, "{secret}");
            for text in versions {
                assert!(!text.contains(development::BOT_TOKEN), "the public token verifies");
                assert_ne!(text, development::signing_secret(), "the public key verifies");
            }
        }
        dev.stop();
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn its_token_may_come_from_the_environment() {
    let variables = [("MINIGATE_DEV_BOT_TOKEN", TOKEN)];
    let dev = Dev::start_with(&[], &variables);
    let printed = dev.printed();
    assert!(printed.contains("123456789 (its token is not shown)"), "{printed}");
    assert!(printed.contains("$(cargo dev init-data)"), "{printed}");
    assert!(!printed.contains(TOKEN), "{printed}");
    let output = run(&["init-data", "--user", "7"], &variables);
    let signed = reqwest::Client::new()
        .post(format!("{}/v1/sessions", dev.base_url()))
        .header("authorization", format!("tma {}", text(&output.stdout).trim()))
        .send();
    assert_eq!(signed.await.unwrap().status(), 201);
    dev.stop();
}

#[test]
fn what_is_no_token_is_refused_and_not_shown() {
    let directory = directory("no-token");
    let file = path(&directory, "token");
    std::fs::write(&file, "not-a-token").unwrap();
    let missing = path(&directory, "missing");
    let good = path(&directory, "good");
    std::fs::write(&good, TOKEN).unwrap();
    for (arguments, variables, expected) in [
        (&["--bot-token-file"][..], &[][..], "must be followed by the name of a file"),
        (&["--bot-token-file", &missing], &[], "cannot be read"),
        (&["--bot-token-file", "/"], &[], "cannot be read"),
        (&["--bot-token-file", &file], &[], "holds no bot token"),
        (&["--bot-token-file", TOKEN], &[], "is the name of a file, not the token"),
        (&[], &[("MINIGATE_DEV_BOT_TOKEN", "")], "MINIGATE_DEV_BOT_TOKEN holds no bot token"),
        (&[], &[("MINIGATE_DEV_BOT_TOKEN", "not-a-token")], "holds no bot token"),
        (
            &["--bot-token-file", &good],
            &[("MINIGATE_BOT_SECRETS", "my/bot")],
            "which MINIGATE_BOT_SECRETS does not name",
        ),
    ] {
        let output = run(arguments, variables);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
        assert!(!message.contains("not-a-token") && !message.contains("AAE-a"), "{message}");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named_with_what_to_do() {
    let dev = Dev::start_with(&[], &[("MINIGATE_BOT_SECRETS", "my/bot")]);
    let printed = dev.printed();
    for expected in [
        "The secret my/bot, which MINIGATE_BOT_SECRETS names, is not there",
        "aws secretsmanager create-secret --name my/bot",
        &format!("--endpoint-url {}", dev.sdk_variable("AWS_ENDPOINT_URL")),
        r#"{"bot_id": 123, "token": "123:AA...""#,
    ] {
        assert!(printed.contains(expected), "{expected:?} is not in {printed}");
    }
    assert!(!printed.contains(development::BOT_TOKEN), "{printed}");
    dev.stop();
}
