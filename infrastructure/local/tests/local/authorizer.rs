//! The function `authorizer` under a stub of Lambda, with the events of API Gateway.

use minigate_embedded_aws::EmbeddedAws;
use minigate_local::{Options, development, start_aws};
use minigate_platform::aws;
use minigate_testkit::lambda::{Function, authorizer_event, rest_event};
use serde_json::{Value, json};

use crate::functions::{assert_logs, binary, body, deadline, now_unix_seconds, variables};

async fn start(more: &[(&str, &str)]) -> (EmbeddedAws, Function) {
    let aws = start_aws(&Options::default()).await.unwrap();
    let mut variables = variables(&aws);
    variables.extend(more.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let function = Function::start(&binary("authorizer"), &variables).await.unwrap();
    (aws, function)
}

fn tma(user_id: u64) -> String {
    format!("tma {}", development::init_data(user_id, now_unix_seconds()).unwrap())
}

fn event(authorization: &str) -> Value {
    authorizer_event("GET", "/orders/7", &[("Authorization", authorization)])
}

async fn answer(function: &mut Function, event: Value) -> Result<Value, Value> {
    let answer = function.invoke(event, deadline()).await;
    answer.map_err(|error| serde_json::from_str(&error).unwrap())
}

async fn error_message(function: &mut Function, event: Value) -> String {
    let error = answer(function, event).await.unwrap_err();
    error["errorMessage"].as_str().unwrap().to_owned()
}

fn policy(effect: &str, principal_id: &str, context: &Value) -> Value {
    json!({
        "principalId": principal_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{
                "Action": "execute-api:Invoke",
                "Effect": effect,
                "Resource": "arn:aws:execute-api:eu-central-1:000000000000:api/stage/*",
            }],
        },
        "context": context,
    })
}

#[tokio::test]
async fn good_credentials_are_allowed_on_every_route_of_the_stage() {
    let (aws, mut authorizer) = start(&[]).await;
    let user_id = 4_503_599_627_370_495_u64;
    let init_data = tma(user_id);
    let context = json!({
        "user_id": "4503599627370495",
        "bot_id": "1000000000",
        "tier": "free",
    });
    let allowed = answer(&mut authorizer, event(&init_data)).await.unwrap();
    assert_eq!(allowed, policy("Allow", "4503599627370495", &context));

    let mut sessions = Function::start(&binary("sessions"), &variables(&aws)).await.unwrap();
    let open = rest_event("POST", "/v1/sessions", &[("Authorization", &init_data)], None);
    let opened = body(&sessions.invoke(open, deadline()).await.unwrap());
    let access_token = opened["access_token"].as_str().unwrap();
    let mut context = context;
    context["session_id"] = opened["session_id"].clone();
    let lower_case = [("authorization", format!("bearer {access_token}"))];
    let lower_case = lower_case.each_ref().map(|(name, value)| (*name, value.as_str()));
    for event in
        [event(&format!("Bearer {access_token}")), authorizer_event("POST", "/other", &lower_case)]
    {
        let allowed = answer(&mut authorizer, event).await.unwrap();
        assert_eq!(allowed, policy("Allow", "4503599627370495", &context));
    }

    let (status, lines) = authorizer.stop().await.unwrap();
    assert!(status.success(), "{status}");
    assert_logs(&lines, 3, &[&init_data[4..], access_token, "4503599627370495", "192.0.2.1"]);
}

/// A refresh token, of another deployment with the same keys.
async fn refresh_token() -> String {
    let aws = start_aws(&Options::default()).await.unwrap();
    let mut sessions = Function::start(&binary("sessions"), &variables(&aws)).await.unwrap();
    let open = rest_event("POST", "/v1/sessions", &[("Authorization", &tma(7))], None);
    let opened = body(&sessions.invoke(open, deadline()).await.unwrap());
    opened["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn other_credentials_are_refused() {
    let refresh_token = refresh_token().await;
    let (_aws, mut authorizer) = start(&[]).await;
    let now = now_unix_seconds();
    let old = development::init_data(7, now - 100_000).unwrap();
    let good = tma(7);
    let twice = {
        let mut event = event(&good);
        event["multiValueHeaders"]["Authorization"] = json!([good, good]);
        event
    };
    let in_query = {
        let mut event = authorizer_event("GET", "/orders/7", &[]);
        event["queryStringParameters"] = json!({ "authorization": good });
        event
    };
    let refused = [
        (authorizer_event("GET", "/orders/7", &[]), "authorization_missing"),
        (event(""), "authorization_malformed"),
        (event("Basic dTpw"), "authorization_malformed"),
        (twice, "authorization_malformed"),
        (in_query, "authorization_missing"),
        (event("tma nothing"), "hash_missing"),
        (event(&good.replace("Ada", "Eve")), "hash_mismatch"),
        (event(&format!("tma {old}")), "expired"),
        (event("Bearer nothing"), "token_malformed"),
        (event(&format!("Bearer {refresh_token}")), "token_malformed"),
    ];
    let codes: Vec<_> = refused.iter().map(|(_, code)| *code).collect();
    for (event, code) in refused.clone() {
        assert_eq!(error_message(&mut authorizer, event).await, "Unauthorized", "{code}");
    }
    let (_, lines) = authorizer.stop().await.unwrap();
    assert_logs(&lines, codes.len(), &[&good[4..], &old, &refresh_token, "192.0.2.1"]);
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
    for (request, code) in requests.iter().zip(codes) {
        assert_eq!((&request["status"], &request["code"]), (&401.into(), &code.into()));
    }
}

#[tokio::test]
async fn what_will_never_be_taken_is_denied_in_a_way_that_is_cached() {
    let (_aws, mut authorizer) = start(&[("MINIGATE_INIT_DATA_ONE_TIME_USE", "true")]).await;
    let denied = answer(&mut authorizer, event(&tma(7))).await.unwrap();
    let context = json!({ "code": "init_data_not_accepted" });
    assert_eq!(denied, policy("Deny", "unknown", &context));

    let (_aws, mut authorizer) = start(&[]).await;
    let signer = minigate_init_data::Signer::from_bot_token(development::BOT_TOKEN).unwrap();
    let nobody = signer.sign(&[("chat_type", "private")], now_unix_seconds()).unwrap();
    let denied = answer(&mut authorizer, event(&format!("tma {nobody}"))).await.unwrap();
    assert_eq!(denied, policy("Deny", "unknown", &json!({ "code": "user_missing" })));
}

#[tokio::test]
async fn an_event_that_is_none_is_an_error() {
    let (_aws, mut authorizer) = start(&[]).await;
    let good = tma(7);
    let mut token_type = event(&good);
    token_type["type"] = "TOKEN".into();
    let mut without_arn = event(&good);
    without_arn["methodArn"] = json!(null);
    let mut greedy = event(&good);
    greedy["methodArn"] = "arn:aws:execute-api:eu-central-1:000000000000:*/stage/GET/".into();
    let rest = rest_event("GET", "/", &[("Authorization", &good)], None);
    let garbage = [json!(null), json!([]), json!("text"), json!({}), rest];
    for event in [token_type, without_arn, greedy].into_iter().chain(garbage) {
        assert_eq!(error_message(&mut authorizer, event).await, "internal_error");
    }
    answer(&mut authorizer, event(&good)).await.unwrap();
    let (_, lines) = authorizer.stop().await.unwrap();
    assert!(!lines.join("\n").contains(&good[4..]), "{lines:?}");
}

#[tokio::test]
async fn with_missing_or_broken_secrets_nobody_is_allowed() {
    for (secrets, metric) in [(None, "SecretUnavailable"), (Some("{}"), "SecretMalformed")] {
        let aws = EmbeddedAws::start(minigate_embedded_aws::Options::default()).await.unwrap();
        if let Some(text) = secrets {
            let shared = aws::configuration_of_emulator(&aws.endpoint_url()).await;
            let client = aws_sdk_secretsmanager::Client::new(&shared);
            for name in [development::BOT_SECRET, development::SIGNING_SECRET] {
                client.create_secret().name(name).secret_string(text).send().await.unwrap();
            }
        }
        let mut authorizer =
            Function::start(&binary("authorizer"), &variables(&aws)).await.unwrap();
        for _ in 0..2 {
            let message = error_message(&mut authorizer, event(&tma(7))).await;
            assert_eq!(message, "secrets_unavailable");
        }
        let nobody = authorizer_event("GET", "/orders/7", &[]);
        assert_eq!(error_message(&mut authorizer, nobody).await, "Unauthorized");
        let (status, lines) = authorizer.stop().await.unwrap();
        assert!(status.success(), "{status}");
        let count = |name: &str| {
            lines.iter().filter(|line| line.contains(&format!("\"{name}\":1"))).count()
        };
        assert!(count(metric) > 0, "no metric tells of the secrets: {lines:?}");
        assert_eq!(count("ServerErrors"), 2, "{lines:?}");
    }
}
