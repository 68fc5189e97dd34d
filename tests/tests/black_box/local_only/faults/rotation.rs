//! Secrets are rotated under traffic, and no request fails.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use minigate_tests::{Bot, Cloud, Deployment, OpenSession, claims, eventually, random_user};
use serde_json::json;
use tokio::task::JoinSet;

/// Requests that go on, one after the other for each client, until they are told to stop. Each has
/// to succeed.
#[derive(Default)]
struct Traffic {
    is_over: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    clients: JoinSet<()>,
}

impl Traffic {
    /// Another client, which opens sessions with fresh init data of this bot.
    fn open_sessions(&mut self, api: &Arc<Deployment>, bot: &Bot) {
        let (api, bot) = (Arc::clone(api), bot.clone());
        let (is_over, served) = (Arc::clone(&self.is_over), Arc::clone(&self.served));
        self.clients.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let request = api.post("/v1/sessions").tma(&bot.init_data(random_user()));
                request.send().await.assert_success(201, &["location"]);
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Another client, which shows this session's tokens to this API.
    fn show_tokens(&mut self, api: &Arc<Deployment>, session: &OpenSession) {
        let (api, session) = (Arc::clone(api), session.clone());
        let (is_over, served) = (Arc::clone(&self.is_over), Arc::clone(&self.served));
        self.clients.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let answer = api.get("/v1/me").bearer(&session.tokens.access).send().await;
                answer.assert_success(200, &["etag"]);
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Waits until this many more requests have been served.
    async fn serve(&mut self, more: usize) {
        let goal = self.served.load(Ordering::Relaxed) + more;
        let Self { served, clients, .. } = self;
        eventually("traffic", async || {
            if let Some(ended) = clients.try_join_next() {
                ended.unwrap();
            }
            (served.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
    }

    async fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
    }
}

#[tokio::test]
async fn the_token_of_a_bot() {
    let cloud = Cloud::start().await;
    let api = Arc::new(cloud.serve(&[]).await);
    let old = api.bot.clone();
    let new = Bot::new(&format!("{}:THE-TOKEN-AFTER-THE-ROTATION-0123456", old.id));
    let refused = api.post("/v1/sessions").tma(&new.init_data(random_user())).send().await;
    refused.assert_problem(401, "hash_mismatch", &["init_data"]);

    let mut traffic = Traffic::default();
    traffic.open_sessions(&api, &old);
    traffic.serve(5).await;

    cloud.put_bot_secret(&new.secret()).await;
    // From this moment, clients have init data of either token, many at once.
    for _ in 0..3 {
        traffic.open_sessions(&api, &new);
        traffic.open_sessions(&api, &old);
    }
    traffic.serve(60).await;
    traffic.end().await;

    // An instance that starts now takes both as well.
    let another = cloud.serve(&[]).await;
    for bot in [&old, &new] {
        let opened = another.post("/v1/sessions").tma(&bot.init_data(random_user())).send().await;
        opened.assert_success(201, &["location"]);
    }
}

/// After two rotations, the first token is worth nothing any more.
#[tokio::test]
async fn a_token_from_before_the_previous_one() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let first = api.bot.clone();
    let second = Bot::new(&format!("{}:SECOND-TOKEN-OF-THE-BLACK-BOX-TESTS", first.id));
    let third = Bot::new(&format!("{}:THIRD-TOKEN-OF-THE-BLACK-BOX-TESTS-", first.id));
    let open =
        async |bot: &Bot| api.post("/v1/sessions").tma(&bot.init_data(random_user())).send().await;
    for (rotated, retired) in [(&second, None), (&third, Some(&first))] {
        cloud.put_bot_secret(&rotated.secret()).await;
        open(rotated).await.assert_success(201, &["location"]);
        if let Some(retired) = retired {
            open(retired).await.assert_problem(401, "hash_mismatch", &["init_data"]);
        }
    }
    open(&second).await.assert_success(201, &["location"]);
}

fn signing_secret(key_id: &str, seed: &str) -> String {
    json!({ "key_id": key_id, "seed": seed }).to_string()
}

/// Two instances serve one deployment. One starts after the rotation and signs with the new key;
/// the other has been running since before.
#[tokio::test]
async fn the_key_that_signs_tokens() {
    let cloud = Cloud::start().await;
    let running = Arc::new(cloud.serve(&[]).await);
    let old_session = running.new_session().await;
    let mut traffic = Traffic::default();
    traffic.open_sessions(&running, &running.bot);
    traffic.show_tokens(&running, &old_session);
    traffic.serve(5).await;

    let secret = signing_secret("rotated", "dGhlIHNlZWQgb2YgdGhlIGtleSBhZnRlciByb3RhdGU");
    cloud.put_signing_secret(&secret).await;
    let started = Arc::new(cloud.serve(&[]).await);
    let new_session = started.new_session().await;
    assert_ne!(key_id(&new_session), key_id(&old_session));
    // Each instance is shown tokens of both keys, at the same time.
    for api in [&running, &started] {
        for session in [&old_session, &new_session] {
            traffic.show_tokens(api, session);
        }
        traffic.open_sessions(api, &running.bot);
    }
    traffic.serve(60).await;
    traffic.end().await;

    // Refresh tokens are signed with the same keys.
    for (api, session) in [(&started, &old_session), (&running, &new_session)] {
        let refreshed = api.refresh(&session.tokens.refresh).await.assert_success(200, &[]);
        assert_eq!(claims(refreshed["refresh_token"].as_str().unwrap())["gen"], 1);
    }
    // The running instance has learned of the new key and signs with it.
    assert_eq!(key_id(&running.new_session().await), key_id(&new_session));
}

/// The header of the access token, which names the key.
fn key_id(session: &OpenSession) -> serde_json::Value {
    let (header, _) = session.tokens.access.split_once('.').unwrap();
    claims(&format!(".{header}."))["kid"].clone()
}

/// A key is replaced under its own name: the tokens of the previous one are still good.
#[tokio::test]
async fn a_key_with_the_name_of_the_one_before() {
    let cloud = Cloud::start().await;
    let running = cloud.serve(&[]).await;
    let old_session = running.new_session().await;
    let secret = signing_secret("development", "dGhlIHNlZWQgb2YgdGhlIGtleSBhZnRlciByb3RhdGU");
    cloud.put_signing_secret(&secret).await;
    let started = cloud.serve(&[]).await;
    let new_session = started.new_session().await;
    for api in [&running, &started] {
        for session in [&old_session, &new_session] {
            api.assert_alive(&session.tokens).await;
        }
    }
}
