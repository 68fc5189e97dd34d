//! An API Gateway authorizer (REST APIs, type `REQUEST`) for functions in any language. It verifies
//! credentials as every route of minigate does, and passes the user to the function.
//!
//! | event | credentials | store calls |
//! |---|---|---|
//! | `REQUEST` | the header `Authorization: tma <init data>` or `Bearer <access token>` | none |
//!
//! | outcome | answer | API Gateway then |
//! |---|---|---|
//! | valid credentials | policy `Allow`, context | calls the function, or 403 if it has a policy of its own |
//! | none, malformed, refused, expired | the error `Unauthorized` | 401 |
//! | genuine, but never accepted here | policy `Deny` with the code in its context | 403 |
//! | secrets missing, too slow, a panic, no such event | another error | 500 |
//!
//! API Gateway caches policies, not errors. A policy covers every method and path of the API's stage, so
//! that a policy cached for one path does not refuse another.
//!
//! Credentials come only from the header, because queries end up in access logs. There is no
//! `usageIdentifierKey`: users have no API keys.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION};
use minigate_platform::{
    Code, Function, Needs, Platform, Problem,
    auth::User,
    events::{Answer, Events, Subject},
};
use serde_json::{Value, json};
use thiserror::Error;

/// The function, as its `main` runs it.
pub fn function() -> Function {
    Function::events(
        "authorizer",
        Authorizer,
        Needs::BOTS.and(Needs::SIGNING_KEY).and(Needs::SETTINGS),
    )
}

/// The function.
pub struct Authorizer;

impl Events for Authorizer {
    fn subject(&self, event: &Value) -> Subject {
        let text = |pointer| event.pointer(pointer).and_then(Value::as_str).filter(may_be_logged);
        Subject {
            request_id: text("/requestContext/requestId").map(str::to_owned),
            method: text("/httpMethod").unwrap_or("unknown").to_owned(),
            route: text("/resource").unwrap_or("unknown").to_owned(),
        }
    }

    async fn handle(&self, platform: &Platform, event: &Value) -> Result<Answer, Problem> {
        let resource = every_route(event).map_err(Problem::internal)?;
        match User::of(platform, &authorization(event)?).await {
            Ok(user) => Ok(Answer { payload: allow(&resource, &user), refusal: None }),
            Err(problem) if is_final(problem.code()) => {
                let code = problem.code();
                Ok(Answer { payload: deny(&resource, code), refusal: Some(code) })
            }
            Err(problem) => Err(problem),
        }
    }

    /// API Gateway recognises only this message, in this spelling.
    fn error_message(&self, problem: &Problem) -> &'static str {
        match problem.code().status() {
            StatusCode::UNAUTHORIZED => "Unauthorized",
            _ => problem.code().as_str(),
        }
    }
}

/// Values from API Gateway are short and printable; other callers may send anything.
fn may_be_logged(text: &&str) -> bool {
    text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An event that API Gateway does not send to an authorizer of this type.
#[derive(Debug, Error, PartialEq, Eq)]
enum NotAnEvent {
    #[error("the event's `type` is not REQUEST; configure the authorizer with that type")]
    Type,
    #[error("the event's `methodArn` is not the ARN of a method of an API")]
    MethodArn,
}

/// The ARN that covers every method and path of the event's stage:
/// `arn:aws:execute-api:<region>:<account>:<api>/<stage>/<method>/<path>` up to the stage.
fn every_route(event: &Value) -> Result<String, NotAnEvent> {
    if event["type"] != "REQUEST" {
        return Err(NotAnEvent::Type);
    }
    let arn = event["methodArn"].as_str().ok_or(NotAnEvent::MethodArn)?;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "execute-api", region, account, route] = parts[..] else {
        return Err(NotAnEvent::MethodArn);
    };
    let mut route = route.split('/');
    let (Some(api), Some(stage), Some(_)) = (route.next(), route.next(), route.next()) else {
        return Err(NotAnEvent::MethodArn);
    };
    // A wildcard in one of them would extend the policy beyond this stage.
    let is_name = |text: &str| {
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_$".contains(&byte);
        !text.is_empty() && text.bytes().all(is_of_name)
    };
    if ![partition, region, account, api, stage].into_iter().all(is_name) {
        return Err(NotAnEvent::MethodArn);
    }
    Ok(format!("arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/*"))
}

/// The `Authorization` headers of the event, in any spelling. Of repeated headers, `headers` has the last
/// and `multiValueHeaders` all.
fn authorization(event: &Value) -> Result<HeaderMap, Problem> {
    let named = |member: &'static str| {
        let headers = event[member].as_object().into_iter().flatten();
        headers.filter(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION.as_str()))
    };
    let all =
        named("multiValueHeaders").flat_map(|(_, values)| values.as_array().into_iter().flatten());
    let mut values: Vec<&Value> = all.collect();
    if values.is_empty() {
        values.extend(named("headers").map(|(_, value)| value));
    }
    let mut headers = HeaderMap::new();
    for value in values.into_iter().filter_map(Value::as_str) {
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Problem::new(Code::AUTHORIZATION_MALFORMED)
                .field("authorization", "must not contain control characters")
        })?;
        headers.append(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// Whether the same credentials are always refused, so that API Gateway may cache the refusal: genuine
/// init data without a user, and init data where it is accepted only in exchange for a session.
fn is_final(code: Code) -> bool {
    matches!(code, Code::USER_MISSING | Code::INIT_DATA_NOT_ACCEPTED)
}

/// All values are text, because API Gateway formats large numbers as powers of ten.
fn allow(resource: &str, user: &User) -> Value {
    let mut context = json!({
        "user_id": user.id.to_string(),
        "bot_id": user.bot_id.to_string(),
        "tier": user.tier.as_str(),
    });
    if let Some(session_id) = user.session_id {
        context["session_id"] = session_id.to_string().into();
    }
    policy("Allow", resource, &user.id.to_string(), &context)
}

fn deny(resource: &str, code: Code) -> Value {
    policy("Deny", resource, "unknown", &json!({ "code": code.as_str() }))
}

fn policy(effect: &str, resource: &str, principal_id: &str, context: &Value) -> Value {
    json!({
        "principalId": principal_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{
                "Action": "execute-api:Invoke",
                "Effect": effect,
                "Resource": resource,
            }],
        },
        "context": context,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(method_arn: &str) -> Value {
        json!({ "type": "REQUEST", "methodArn": method_arn })
    }

    #[test]
    fn a_policy_is_for_every_route_of_the_stage() {
        for (arn, resource) in [
            (
                "arn:aws:execute-api:eu-central-1:123456789012:a1b2/live/GET/orders/7:8/9",
                "arn:aws:execute-api:eu-central-1:123456789012:a1b2/live/*",
            ),
            (
                "arn:aws-cn:execute-api:cn-north-1:123456789012:a1b2/$default/GET/",
                "arn:aws-cn:execute-api:cn-north-1:123456789012:a1b2/$default/*",
            ),
            (
                "arn:aws:execute-api:eu-central-1:123456789012:a1b2/live/$connect",
                "arn:aws:execute-api:eu-central-1:123456789012:a1b2/live/*",
            ),
        ] {
            assert_eq!(every_route(&event(arn)).as_deref(), Ok(resource));
        }
    }

    #[test]
    fn what_would_reach_further_is_no_arn() {
        for arn in [
            "",
            "*",
            "arn:aws:execute-api:eu-central-1:123456789012",
            "arn:aws:execute-api:eu-central-1:123456789012:a1b2",
            "arn:aws:execute-api:eu-central-1:123456789012:a1b2/live",
            "arn:aws:execute-api:eu-central-1:123456789012:*/live/GET/x",
            "arn:aws:execute-api:eu-central-1:123456789012:a1b2/*/GET/x",
            "arn:aws:execute-api:eu-central-1:123456789012:a1b2//GET/x",
            "arn:aws:execute-api:*:123456789012:a1b2/live/GET/x",
            "arn:aws:lambda:eu-central-1:123456789012:a1b2/live/GET/x",
        ] {
            assert_eq!(every_route(&event(arn)), Err(NotAnEvent::MethodArn), "{arn}");
        }
        assert_eq!(every_route(&json!({ "type": "REQUEST" })), Err(NotAnEvent::MethodArn));
        for other in [json!(null), json!([1]), json!("text"), json!({ "type": "TOKEN" })] {
            assert_eq!(every_route(&other), Err(NotAnEvent::Type), "{other}");
        }
    }

    fn values(event: &Value) -> Vec<HeaderValue> {
        authorization(event).unwrap().get_all(AUTHORIZATION).iter().cloned().collect()
    }

    #[test]
    fn the_header_is_found_however_it_is_spelt_and_however_often_it_stands() {
        for (event, expected) in [
            (json!({ "headers": { "authorization": "a" } }), ["a"].as_slice()),
            (json!({ "headers": { "AUTHORIZATION": "a", "X": "b" } }), &["a"]),
            (
                json!({ "headers": { "Authorization": "b" }, "multiValueHeaders": { "Authorization": ["a", "b"] } }),
                &["a", "b"],
            ),
            (
                json!({ "multiValueHeaders": { "Authorization": ["a"], "authorization": ["b"] } }),
                &["a", "b"],
            ),
            (json!({ "headers": { "Authorization": "a" }, "multiValueHeaders": null }), &["a"]),
            (json!({ "headers": { "Authorization": "\u{e4}" } }), &["\u{e4}"]),
            (json!({ "headers": null, "queryStringParameters": { "authorization": "a" } }), &[]),
            (json!({ "headers": { "Authorization": 1 }, "multiValueHeaders": 2 }), &[]),
            (json!({ "headers": [], "multiValueHeaders": { "Authorization": "a" } }), &[]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|text| HeaderValue::from_bytes(text.as_bytes()).unwrap())
                .collect();
            assert_eq!(values(&event), expected, "{event}");
        }
        let problem =
            authorization(&json!({ "headers": { "Authorization": "a\nb" } })).unwrap_err();
        assert_eq!(problem.code(), Code::AUTHORIZATION_MALFORMED);
    }

    #[test]
    fn a_log_line_names_the_route_and_nothing_that_a_client_chooses() {
        let event = json!({
            "resource": "/orders/{id}",
            "path": "/orders/7",
            "httpMethod": "GET",
            "requestContext": { "requestId": "r-1" },
        });
        let expected = Subject {
            request_id: Some("r-1".to_owned()),
            method: "GET".to_owned(),
            route: "/orders/{id}".to_owned(),
        };
        assert_eq!(Authorizer.subject(&event), expected);
        let strange =
            json!({ "resource": "a\nb", "httpMethod": "x".repeat(257), "requestContext": 1 });
        let unknown = "unknown".to_owned();
        let expected = Subject { request_id: None, method: unknown.clone(), route: unknown };
        assert_eq!(Authorizer.subject(&strange), expected);
    }
}
