//! Each outcome, against a provider that behaves and misbehaves.

use std::time::Duration;

use minigate_outbound::{Cause, Effect, Outcome, Policy, Request, Trust};
use minigate_testkit::{
    FakeTimer,
    provider::{Play, Response},
};
use serde_json::{Value, json};

use crate::bed::{Bed, Told, client_of, keyed, once, policy};

/// An outcome in a line.
fn told(outcome: &Outcome) -> String {
    let effect = outcome.effect();
    match outcome {
        Outcome::Answered(answer) => {
            let doubt = if answer.in_doubt() { " in doubt" } else { "" };
            format!("{} after {}{doubt}: {effect:?}", answer.status().as_u16(), answer.attempts())
        }
        Outcome::NotSent(it) => format!("not sent after {}: {:?}", it.attempts, it.cause),
        Outcome::Unknown(it) => format!("unknown after {}: {:?}", it.attempts, it.cause),
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_built() {
    let bed = Bed::start().await;
    let request = Request::post("refund", "/v1/refunds?expand=charge")
        .header("authorization", "Bearer sk_1")
        .body("application/x-www-form-urlencoded", "charge=ch_1")
        .idempotency_key("refund-ch_1");
    let outcome = bed.client.call(&request).await;
    assert_eq!(outcome.answer().unwrap().json::<Value>().unwrap(), json!({ "ok": true }));
    let received = bed.provider.request(1).await;
    assert_eq!(
        (received.method.as_str(), received.path.as_str()),
        ("POST", "/v1/refunds?expand=charge")
    );
    for (name, expected) in [
        ("host", bed.provider.address().to_string().as_str()),
        ("authorization", "Bearer sk_1"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", "11"),
        ("idempotency-key", "refund-ch_1"),
        ("accept", "application/json"),
    ] {
        assert_eq!(received.header(name), expected, "{name}");
    }
    assert_eq!(received.headers.len(), 6, "{:?}", received.headers);
    assert_eq!(received.body, "charge=ch_1");
}

#[tokio::test]
async fn each_misbehaviour_has_its_outcome() {
    let answer = |status| Play::from(Response::json(status, &json!({ "ok": false })));
    let huge = || Play::from(Response::new(200).body(vec![b' '; 1024]).times(65));
    let cut_off = || Play::CutOff(Response::new(200).body("{\"ok\":true}"), 5);
    let wait = |seconds: &str| Play::from(Response::new(429).header("retry-after", seconds));
    // What the provider does first, what becomes of a request that must not be repeated, and of one that
    // may be. Every further request is answered 200.
    for (play, of_once, of_keyed) in [
        (answer(200), "200 after 1: Done", "200 after 1: Done"),
        (answer(302), "302 after 1: NotDone", "302 after 1: NotDone"),
        (answer(400), "400 after 1: NotDone", "400 after 1: NotDone"),
        (answer(408), "408 after 1: Unknown", "200 after 2 in doubt: Done"),
        (answer(429), "429 after 1: NotDone", "200 after 2: Done"),
        (wait("0"), "429 after 1: NotDone", "200 after 2: Done"),
        (wait("4"), "429 after 1: NotDone", "429 after 1: NotDone"),
        (answer(500), "500 after 1: Unknown", "200 after 2 in doubt: Done"),
        (answer(501), "501 after 1: Unknown", "501 after 1: Unknown"),
        (answer(503), "503 after 1: Unknown", "200 after 2 in doubt: Done"),
        (Play::ResetUnread, "unknown after 1: Closed", "200 after 2 in doubt: Done"),
        (Play::ResetRead, "unknown after 1: Closed", "200 after 2 in doubt: Done"),
        (Play::Close, "unknown after 1: Closed", "200 after 2 in doubt: Done"),
        (cut_off(), "unknown after 1: Closed", "200 after 2 in doubt: Done"),
        (
            Play::Garbage(b"SSH-2.0\r\n\r\n"),
            "unknown after 1: Garbage",
            "200 after 2 in doubt: Done",
        ),
        (huge(), "unknown after 1: TooLarge", "unknown after 1: TooLarge"),
    ] {
        for (request, expected) in [(once(), of_once), (keyed(), of_keyed)] {
            let bed = Bed::start().await;
            bed.provider.script([play.clone()]);
            let outcome = bed.client.call(&request).await;
            assert_eq!(told(&outcome), expected, "{play:?} {request:?}");
            let is_unread = usize::from(matches!(play, Play::ResetUnread));
            let attempts = bed.told.calls()[0].attempts as usize;
            assert_eq!(bed.provider.requests().len(), attempts - is_unread, "{play:?}");
        }
    }
}

#[tokio::test]
async fn what_certainly_was_not_sent_is_retried_and_said_to_be_unsent() {
    let bed = Bed::start().await;
    let (origin, timer) = (bed.provider.origin(), bed.timer.clone());
    drop(bed);
    let refused = client_of(&origin, Trust::System, &timer, policy(), Told::default());
    let outcome = refused.call(&once()).await;
    assert_eq!(told(&outcome), "not sent after 3: Connect");
    assert_eq!(outcome.effect(), Effect::NotDone);

    // A label of 64 characters resolves nowhere, and no resolver is asked.
    let nowhere = format!("https://{}.invalid", "a".repeat(64));
    let unresolved = client_of(&nowhere, Trust::System, &timer, policy(), Told::default());
    assert_eq!(told(&unresolved.call(&once()).await), "not sent after 3: Dns");
}

#[tokio::test]
async fn a_request_that_is_not_valid_is_not_sent() {
    let bed = Bed::start().await;
    let invalid = [
        Request::post("send", "no/slash"),
        Request::post("send", "/a b"),
        Request::post("send", "/send\r\nx: y"),
        Request::post("send", ""),
        once().header("x", "line\r\nfeed"),
        once().header("no name", "x"),
        once().body("text/plain", vec![0; policy().max_request_bytes + 1]),
    ];
    for request in invalid {
        let Outcome::NotSent(not_sent) = bed.client.call(&request).await else { panic!("sent") };
        assert!(matches!(not_sent.cause, Cause::Invalid(_)), "{not_sent}");
        assert_eq!(not_sent.attempts, 0);
    }
    assert_eq!(bed.provider.connections(), 0);
}

#[tokio::test]
async fn silence_ends_with_the_attempt_and_slowness_too() {
    let late = Response::json(200, &json!({})).after(Duration::from_secs(5));
    let slow = Response::new(200).body(vec![b' '; 100]).slowly(10, Duration::from_secs(1));
    for play in [Play::Silence, late.into(), slow.into()] {
        let bed = Bed::start().await;
        bed.provider.script([play.clone()]);
        let request = once();
        let (outcome, ()) = tokio::join!(bed.client.call(&request), async {
            bed.provider.request(1).await;
            bed.timer.advance(Policy::default().attempt_timeout);
        });
        assert_eq!(told(&outcome), "unknown after 1: Timeout", "{play:?}");
        assert_eq!(bed.told.calls()[0].latency, Policy::default().attempt_timeout);
        // What was left half way is not used again.
        assert_eq!(told(&bed.client.call(&once()).await), "200 after 1: Done");
        assert_eq!(bed.provider.connections(), 2);
    }
}

#[tokio::test]
async fn an_answer_that_is_late_but_in_time_is_one() {
    let bed = Bed::start().await;
    bed.provider.script([Response::new(204).after(Duration::from_secs(3)).into()]);
    let request = once();
    let (outcome, ()) = tokio::join!(bed.client.call(&request), async {
        bed.provider.request(1).await;
        // The client's timeout and the provider's delay.
        bed.timer.until_waiting(2).await;
        bed.timer.advance(Duration::from_secs(3));
    });
    assert_eq!(told(&outcome), "204 after 1: Done");
}

/// A caller's deadline says nothing about the provider.
#[tokio::test]
async fn a_caller_s_deadline_ends_the_call_and_opens_no_circuit() {
    let bed = Bed::start().await;
    let request = keyed().timeout(Duration::from_secs(1));
    for number in 1..=10 {
        bed.provider.script([Play::Silence]);
        let (outcome, ()) = tokio::join!(bed.client.call(&request), async {
            bed.provider.request(number).await;
            bed.timer.advance(Duration::from_secs(1));
        });
        assert_eq!(told(&outcome), "unknown after 1: Timeout");
    }
    assert_eq!(bed.told.changes(), []);
}

#[tokio::test]
async fn a_body_that_does_not_decode_says_where_and_not_what() {
    let bed = Bed::start().await;
    bed.provider.script([
        Response::new(200).body("{\"name\":\n\"TOKEN\"}").into(),
        Response::new(200).body("<html>TOKEN").into(),
    ]);
    let expected = [
        "example send: the body of the answer (200) is of another shape, at line 2 column 7",
        "example send: the body of the answer (200) is not JSON, at line 1 column 1",
    ];
    for expected in expected {
        let outcome = bed.client.call(&once()).await;
        let decoded = outcome.answer().unwrap().json::<std::collections::BTreeMap<String, u64>>();
        assert_eq!(decoded.unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn a_connection_that_is_never_ready_is_not_waited_for() {
    // It accepts connections, and never says a word of TLS.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let timer = FakeTimer::default();
    let policy = Policy { attempts: 1, ..policy() };
    let client = client_of(&origin, Trust::System, &timer, policy, Told::default());
    let request = once();
    let (outcome, accepted) = tokio::join!(client.call(&request), async {
        let accepted = listener.accept().await;
        // The attempt's timeout and the connection's.
        timer.until_waiting(2).await;
        timer.advance(policy.connect_timeout);
        accepted
    });
    assert!(accepted.is_ok());
    assert_eq!(told(&outcome), "not sent after 1: Timeout");
}
