//! The command `init-data`, run as people run it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::vectors::{VECTORS, bytes_from_hex, expected, vectors};
use crate::{BOT_TOKEN, OTHER_TOKEN, USER};

fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_init-data"))
        .args(arguments)
        .env("TOKEN", BOT_TOKEN)
        .env("OTHER_TOKEN", OTHER_TOKEN)
        .env("PADDED_TOKEN", format!("{BOT_TOKEN}\n"))
        .env("QUOTED_TOKEN", format!("\"{BOT_TOKEN}\""))
        .env("EMPTY_TOKEN", "")
        .env("SHORT_TOKEN", "AAF-without-a-bot")
        .env_remove("INIT_DATA_BOT_TOKEN")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read.
    let _ = command.stdin.take().unwrap().write_all(input.as_bytes());
    let output = command.wait_with_output().unwrap();
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(text);
        assert!(!text.contains("AAF-"), "a secret was printed");
        assert!(!text.contains('\x1b'), "colours for a reader that is no terminal: {text:?}");
    }
    output
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

fn batch(input: &str) -> Vec<Value> {
    let output = run(&["verify", "--batch"], input);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_batch_answers_every_vector() {
    let cases: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let input: String = cases.iter().map(|case| format!("{case}\n")).collect();
    let expected: Vec<Value> =
        vectors().iter().map(|v| json!({"id": v.id, "result": expected(v)})).collect();
    assert_eq!(batch(&input), expected);
}

#[test]
fn the_batch_survives_malformed_lines() {
    let good = json!({"id": 3, "kind": "hmac", "bot_token": BOT_TOKEN, "init_data": "a=b"});
    let long = json!({"id": 4, "init_data": "x".repeat(1 << 21)});
    let input = format!(
        "not json\n\n[1]\n{{\"id\":2,\"kind\":\"other\"}}\n{good}\n{long}\n{}\n{}\n{}\n{good}",
        json!({"id": "no token", "kind": "hmac", "init_data": ""}),
        json!({"id": "no key", "kind": "ed25519", "init_data": "", "bot_id": 1, "env": "custom"}),
        json!({"id": "no number", "kind": "hmac", "init_data": "", "now": "x"}),
    );
    let malformed = |id: Value| json!({"id": id, "result": "malformed_line"});
    assert_eq!(
        batch(&input),
        [
            malformed(Value::Null),
            malformed(Value::Null),
            malformed(json!(2)),
            json!({"id": 3, "result": "hash_missing"}),
            malformed(Value::Null),
            json!({"id": "no token", "result": "config_error"}),
            json!({"id": "no key", "result": "config_error"}),
            malformed(json!("no number")),
            json!({"id": 3, "result": "hash_missing"}),
        ]
    );
}

#[test]
fn without_now_the_batch_checks_no_dates() {
    let cases = vectors();
    let case = |now: Value| {
        let vector = cases.iter().find(|vector| vector.id == "own-ok-01").unwrap();
        json!({"id": 1, "kind": "hmac", "bot_token": BOT_TOKEN, "init_data": vector.init_data,
               "now": now, "max_age": 1})
    };
    let input = format!("{}\n{}\n", case(Value::Null), case(json!(1_760_000_000)));
    let results: Vec<Value> = batch(&input).iter().map(|answer| answer["result"].clone()).collect();
    assert_eq!(results, ["ok", "expired"]);
}

#[test]
fn what_is_signed_verifies() {
    let user = format!("user={USER}");
    let signed = run(&["sign", "--token-env", "TOKEN", &user], "");
    assert_eq!(signed.status.code(), Some(0), "{}", text(&signed.stderr));
    let init_data = text(&signed.stdout);

    let verify = |arguments: &[&str]| run(&[&["verify"], arguments].concat(), init_data);
    let accepted = verify(&["--token-env", "OTHER_TOKEN", "--token-env", "TOKEN"]);
    assert_eq!(text(&accepted.stdout), "ok: bot 123456789, key TOKEN, user 42\n");
    assert_eq!(accepted.status.code(), Some(0));
    let refused = verify(&["--token-env", "OTHER_TOKEN"]);
    assert_eq!(text(&refused.stdout), "hash_mismatch: the hash does not match the data\n");
    assert_eq!(refused.status.code(), Some(1));
    let expired = verify(&["--token-env", "TOKEN", "--now", "9999999999"]);
    assert!(text(&expired.stdout).starts_with("expired: "));
    let ageless = verify(&["--token-env", "TOKEN", "--now", "9999999999", "--max-age", "none"]);
    assert_eq!(ageless.status.code(), Some(0));
}

#[test]
fn login_widget_and_third_party_data_are_signed_and_verified() {
    let keys = ["--token-env", "TOKEN", "--login-widget"];
    let signed = run(&[&["sign"], &keys[..], &["id=42"]].concat(), "");
    let verified = run(&[&["verify"], &keys[..], &["-"]].concat(), text(&signed.stdout));
    assert_eq!(text(&verified.stdout), "ok: bot 123456789, user 42\n");

    let path = std::env::temp_dir().join(format!("init-data-key-{}", std::process::id()));
    std::fs::write(&path, "07".repeat(32)).unwrap();
    let path_text = path.to_str().unwrap();
    let signed = run(
        &["sign", "--third-party", "9", "--third-party-key-file", path_text, "chat_type=sender"],
        "",
    );
    std::fs::remove_file(&path).unwrap();
    assert_eq!(signed.status.code(), Some(0), "{}", text(&signed.stderr));
    let bot_id = "9".parse().unwrap();
    let seed = bytes_from_hex(&"07".repeat(32));
    let environment = minigate_init_data::ThirdPartySigner::new(bot_id, seed).environment();
    let hex: String = environment.public_key().iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("9:{hex}");
    let verified = run(&["verify", "--third-party", &key], text(&signed.stdout));
    assert_eq!(text(&verified.stdout), "ok: bot 9, key --third-party, user none\n");
    let refused = run(&["verify", "--third-party", "9:test"], text(&signed.stdout));
    assert_eq!(text(&refused.stdout).split(':').next(), Some("signature_invalid"));
}

#[test]
fn inspect_explains() {
    let signed = run(&["sign", "--token-env", "TOKEN", "start_param=a"], "");
    let wrapped = format!("tma {}", text(&signed.stdout));
    let report = run(&["inspect", "--token-env", "TOKEN"], &wrapped);
    assert_eq!(report.status.code(), Some(1));
    let report = text(&report.stdout);
    assert!(report.starts_with("TOKEN (bot 123456789): hash_mismatch; without what is around"));
    assert!(report.contains("strip it\n"), "{report}");
    assert!(report.contains("\n  start_param    [hash and signature] a\n"), "{report}");

    let json = run(&["inspect", "--json", "--token-env", "TOKEN"], text(&signed.stdout));
    assert_eq!(json.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["verdicts"][0]["result"], "ok");
    assert_eq!(json["mistakes"], json!([]));
}

#[test]
fn inspect_says_that_its_input_is_empty() {
    for input in ["", "\n"] {
        let report = run(&["inspect", "--token-env", "TOKEN"], input);
        assert_eq!(report.status.code(), Some(1));
        assert!(text(&report.stdout).contains("- the string is empty"), "{}", text(&report.stdout));
    }
}

#[test]
fn what_is_around_a_token_is_named() {
    let path = std::env::temp_dir().join(format!("init-data-token-{}", std::process::id()));
    let path_text = path.to_str().unwrap();
    for command in [&["inspect"][..], &["verify"], &["verify", "--login-widget"], &["sign"]] {
        for (variable, expected) in [
            ("PADDED_TOKEN", "there is white space or a quote around the bot token"),
            ("QUOTED_TOKEN", "there is white space or a quote around the bot token"),
            ("EMPTY_TOKEN", "the bot token is empty"),
            ("SHORT_TOKEN", "the bot token is not of the form"),
        ] {
            let output = run(&[command, &["--token-env", variable, "a=b"]].concat(), "");
            let message = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{message}");
            assert!(message.contains(&format!("{variable}: {expected}")), "{command:?}: {message}");
        }
    }
    // Of a file, lines are taken without what is around them.
    std::fs::write(&path, format!("  {BOT_TOKEN} \r\n\n")).unwrap();
    let signed = run(&["sign", "--token-file", path_text, "a=b"], "");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(signed.status.code(), Some(0), "{}", text(&signed.stderr));
}

#[test]
fn wrong_usage_is_told_from_refusal() {
    let wrong: [&[&str]; 11] = [
        &[],
        &["conquer"],
        &["verify"],
        &["verify", "--token", BOT_TOKEN],
        &["verify", "--token-env", "NO_SUCH_VARIABLE", "x"],
        &["verify", "--token-env"],
        &["verify", "--token-file", "/no/such/file", "x"],
        &["verify", "--token-env", "TOKEN", "--now", "soon", "x"],
        &["verify", "--token-env", "TOKEN", "a", "b"],
        &["verify", "--token-env", "TOKEN", "--third-party", "1", "x"],
        &["sign", "--token-env", "TOKEN", "no-value"],
    ];
    for arguments in wrong {
        let output = run(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(text(&output.stderr).starts_with("init-data: "), "{arguments:?}");
    }
    assert_eq!(run(&["help"], "").status.code(), Some(0));
}
