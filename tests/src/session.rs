//! What most tests begin with: a session.

use serde_json::{Value, json};

use crate::{Answer, Deployment};

/// The tokens of a session, as an answer holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The session's id.
    pub session_id: String,
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

impl Tokens {
    /// The tokens in this document.
    #[track_caller]
    pub fn of(document: &Value) -> Self {
        let text = |name: &str| document[name].as_str().expect(name).to_owned();
        Self {
            session_id: text("session_id"),
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }
}

/// A session and whose it is.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// The user.
    pub user_id: u64,
    /// The tokens.
    pub tokens: Tokens,
}

impl Deployment {
    /// Opens a session of this user, with fresh init data.
    pub async fn open_session(&self, user_id: u64) -> OpenSession {
        let opened = self.post("/v1/sessions").tma(&self.bot.init_data(user_id)).send().await;
        assert_eq!(opened.status, 201, "{}", opened.body);
        OpenSession { user_id, tokens: Tokens::of(&opened.json()) }
    }

    /// Opens a session of a new user.
    pub async fn new_session(&self) -> OpenSession {
        self.open_session(crate::random_user()).await
    }

    /// Asks for the next tokens.
    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        self.refresh_with_key(refresh_token, None).await
    }

    /// Asks for the next tokens, with an `Idempotency-Key` if there is one.
    pub async fn refresh_with_key(&self, refresh_token: &str, key: Option<&str>) -> Answer {
        let request = self.post("/v1/sessions/refresh");
        let request = request.json(&json!({ "refresh_token": refresh_token }));
        match key {
            Some(key) => request.idempotency_key(key).send().await,
            None => request.send().await,
        }
    }

    /// The user's sessions, the newest first, as the holder of these tokens sees them.
    pub async fn sessions(&self, tokens: &Tokens) -> Vec<Value> {
        let answer = self.get("/v1/sessions").bearer(&tokens.access).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["sessions"].as_array().unwrap().clone()
    }

    /// The user's sessions, as init data shows them.
    pub async fn sessions_of(&self, user_id: u64) -> Vec<Value> {
        let answer = self.get("/v1/sessions").tma(&self.bot.init_data(user_id)).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["sessions"].as_array().unwrap().clone()
    }

    /// The user's profile.
    pub async fn profile(&self, user_id: u64) -> Value {
        let answer = self.get("/v1/me").tma(&self.bot.init_data(user_id)).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Checks that the session has ended: nothing that must not be done with a stolen token can be
    /// done with these.
    pub async fn assert_ended(&self, tokens: &Tokens) {
        let Tokens { session_id, access, refresh } = tokens;
        for request in [
            self.get("/v1/me"),
            self.get("/v1/sessions"),
            self.delete("/v1/sessions"),
            self.delete(&format!("/v1/sessions/{session_id}")),
            self.patch("/v1/me").json(&json!({ "language": "de" })),
        ] {
            request.bearer(access).send().await.assert_problem(401, "session_revoked", &[]);
        }
        let refreshed = self.refresh(refresh).await;
        refreshed.assert_problem(401, "session_revoked", &["refresh_token"]);
    }

    /// Checks that the session goes on, without refreshing it.
    pub async fn assert_alive(&self, tokens: &Tokens) {
        let sessions = self.sessions(tokens).await;
        let current = sessions.iter().find(|session| session["is_current"] == true);
        assert_eq!(current.map(|session| &session["id"]), Some(&json!(tokens.session_id)));
    }
}
