//! No message shows a secret, whatever goes wrong.

use std::{
    fmt::Debug,
    io,
    sync::{Arc, Mutex},
};

use minigate_outbound::{Outcome, Policy, Request, Secret, Trust};
use minigate_testkit::provider::{Play, Response};
use tracing_subscriber::fmt::MakeWriter;

use crate::bed::{Bed, Told, client_of, policy};

/// In the path, in a header, in the key, in the body, and in what comes back.
const SECRET: &str = "SECRET-TOKEN";

/// Everything that anybody logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn request() -> Request {
    Request::post("send", format!("/bot{SECRET}/send?token={SECRET}"))
        .header("authorization", Secret::from(format!("Bearer {SECRET}")))
        .idempotency_key(SECRET)
        .json(&serde_json::json!({ "token": SECRET }))
}

#[track_caller]
fn assert_redacted(shown: &impl Debug) {
    let shown = format!("{shown:?} {shown:#?}");
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(!shown.contains("bot"), "{shown}");
    assert!(!shown.contains("127.0.0.1"), "{shown}");
}

#[tokio::test]
async fn no_error_and_no_log_shows_a_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::info!("the log works");

    let body = format!("{{\"token\": \"{SECRET}\"}}");
    let with = |status| Response::new(status).header("x-token", SECRET).body(body.clone());
    let plays = [
        with(200).into(),
        with(400).into(),
        with(429).header("retry-after", "60").into(),
        with(500).into(),
        with(200).times(100_000).into(),
        Play::ResetUnread,
        Play::ResetRead,
        Play::Close,
        Play::CutOff(with(200), 10),
        Play::Garbage(b"SECRET-TOKEN\r\n\r\n"),
    ];
    let policy = Policy { attempts: 1, ..policy() };
    for play in plays {
        let bed = Bed::with(policy).await;
        bed.provider.script([play]);
        let outcome = bed.client.call(&request()).await;
        assert_redacted(&outcome);
        match &outcome {
            Outcome::Answered(answer) => {
                assert_redacted(answer);
                let undecodable = answer.json::<Vec<u64>>().unwrap_err();
                assert_redacted(&undecodable);
                assert_redacted(&undecodable.to_string());
            }
            Outcome::NotSent(not_sent) => assert_redacted(&not_sent.to_string()),
            Outcome::Unknown(unknown) => assert_redacted(&unknown.to_string()),
        }
        assert_redacted(&bed.told.calls());
        assert_redacted(&bed.client);
    }
    assert_redacted(&request());

    let bed = Bed::with(policy).await;
    let origin = bed.provider.origin();
    let timer = bed.timer.clone();
    drop(bed);
    let refused = client_of(&origin, Trust::System, &timer, policy, Told::default());
    for request in [request(), request().header("x", format!("{SECRET}\r\n"))] {
        let outcome = refused.call(&request).await;
        assert_redacted(&outcome);
        let Outcome::NotSent(not_sent) = outcome else { panic!("sent") };
        assert_redacted(&not_sent.to_string());
    }

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the log works"));
    assert!(!logged.contains(SECRET), "{logged}");
}
