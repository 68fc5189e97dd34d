//! `/v1/quizzes`, for readers and for authors.

mod import;
mod key;
mod read;
mod refusals;
mod write;

use minigate_tests::{Answer, Deployment, Request, random_user};
use serde_json::{Value, json};

/// An example with a question of each kind.
pub(crate) fn draft() -> Value {
    serde_json::from_str(include_str!("../../../../shared/domain/src/quizzes/example.json"))
        .unwrap()
}

/// The example under another title and topic, so that tests on one deployment do not meet.
pub(crate) fn draft_of(title: &str, topic: &str) -> Value {
    let mut draft = draft();
    draft["title"] = json!({ "en": title, "de": format!("{title} (deutsch)") });
    draft["topics"] = json!([topic]);
    draft
}

/// A name that no other test has.
pub(crate) fn random_name(prefix: &str) -> String {
    format!("{prefix}-{:x}", random_user())
}

/// Somebody who may write quizzes.
pub(crate) struct Author<'a> {
    pub(crate) api: &'a Deployment,
    pub(crate) user: u64,
}

impl<'a> Author<'a> {
    /// A user to whom an administrator gives the role.
    pub(crate) async fn new(api: &'a Deployment) -> Self {
        let user = api.new_session().await.user_id;
        let grant = api.put(&format!("/v1/system/users/{user}/roles/author"));
        let grant = grant.tma(&api.bot.init_data(api.admin_id)).json(&json!({}));
        let granted = grant.send().await;
        assert_eq!(granted.status, 200, "{}", granted.body);
        Self { api, user }
    }

    pub(crate) fn sign(&self, request: Request) -> Request {
        request.tma(&self.api.bot.init_data(self.user))
    }

    pub(crate) fn putting(&self, quiz: &str) -> Request {
        self.sign(self.api.put(&format!("/v1/quizzes/{quiz}")))
    }

    pub(crate) async fn put(&self, quiz: &str, draft: &Value) -> Answer {
        self.putting(quiz).json(draft).send().await
    }

    pub(crate) async fn post(&self, quiz: &str, action: &str) -> Answer {
        self.sign(self.api.post(&format!("/v1/quizzes/{quiz}/{action}"))).send().await
    }

    pub(crate) async fn read_draft(&self, quiz: &str) -> Answer {
        self.sign(self.api.get(&format!("/v1/quizzes/{quiz}/draft"))).send().await
    }

    /// A published quiz.
    pub(crate) async fn publish(&self, quiz: &str, draft: &Value) -> Value {
        let put = self.put(quiz, draft).await;
        assert!([200, 201].contains(&put.status), "{}", put.body);
        self.post(quiz, "publish").await.assert_success(200, &["etag"])
    }
}
