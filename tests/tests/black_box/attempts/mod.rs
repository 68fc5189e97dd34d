//! `/v1/attempts`: a user takes a quiz.

mod answer;
mod start;
mod submit;

use std::sync::atomic::{AtomicU64, Ordering};

use minigate_tests::{Answer, Deployment, Request, random_user};
use serde_json::{Value, json};

use crate::quizzes::{Author, draft, random_name};

/// Somebody who takes a quiz.
pub(crate) struct Taker<'a> {
    pub(crate) api: &'a Deployment,
    pub(crate) user: u64,
    pub(crate) quiz: String,
    keys: AtomicU64,
}

/// The example with both questions of its first pool, so that every attempt has all kinds.
pub(crate) fn all_kinds() -> Value {
    let mut draft = draft();
    draft["pools"][0]["draw"] = json!(2);
    draft
}

/// A quiz of this draft, published by an author of its own.
pub(crate) async fn published(api: &Deployment, draft: &Value) -> String {
    let quiz = random_name("quiz");
    Author::new(api).await.publish(&quiz, draft).await;
    quiz
}

impl<'a> Taker<'a> {
    /// A new user before a quiz that they have never taken.
    pub(crate) async fn new(api: &'a Deployment, draft: &Value) -> Self {
        let quiz = published(api, draft).await;
        Self::of(api, random_user(), quiz)
    }

    pub(crate) fn of(api: &'a Deployment, user: u64, quiz: String) -> Self {
        Self { api, user, quiz, keys: AtomicU64::new(0) }
    }

    pub(crate) fn sign(&self, request: Request) -> Request {
        request.tma(&self.api.bot.init_data(self.user))
    }

    pub(crate) fn starting(&self, key: &str) -> Request {
        let path = format!("/v1/quizzes/{}/attempts", self.quiz);
        self.sign(self.api.post(&path)).idempotency_key(key)
    }

    /// A new attempt.
    pub(crate) async fn start(&self) -> Value {
        let key = format!("start-{}", self.keys.fetch_add(1, Ordering::Relaxed));
        self.starting(&key).send().await.assert_success(201, &["location"])
    }

    pub(crate) async fn read(&self, id: &Value) -> Answer {
        let id = id.as_str().unwrap();
        self.sign(self.api.get(&format!("/v1/attempts/{id}"))).send().await
    }

    pub(crate) async fn answer(&self, id: &Value, question: &str, answer: &Value) -> Answer {
        let id = id.as_str().unwrap();
        let put = self.api.put(&format!("/v1/attempts/{id}/answers/{question}"));
        self.sign(put).json(answer).send().await
    }

    pub(crate) fn submitting(&self, id: &Value) -> Request {
        self.sign(self.api.post(&format!("/v1/attempts/{}/submit", id.as_str().unwrap())))
    }

    pub(crate) async fn submit(&self, id: &Value) -> Value {
        self.submitting(id).send().await.assert_success(200, &[])
    }
}

/// A question of an attempt.
pub(crate) fn question<'a>(attempt: &'a Value, id: &str) -> &'a Value {
    let questions = attempt["questions"].as_array().unwrap();
    questions.iter().find(|question| question["id"] == id).unwrap()
}

/// The id of the option with this text.
pub(crate) fn option(attempt: &Value, id: &str, list: &str, text: &str) -> Value {
    let options = question(attempt, id)[list].as_array().unwrap();
    options.iter().find(|option| option["text"] == text).unwrap()["id"].clone()
}

/// What is right in the example, by the texts that a reader sees.
pub(crate) fn right_answers(attempt: &Value) -> Vec<(&'static str, Value)> {
    let choice = |id, text| option(attempt, id, "choices", text);
    let prompt = |text| option(attempt, "countries", "prompts", text);
    let mut pairs = serde_json::Map::new();
    for (city, country) in [("Paris", "France"), ("Kyoto", "Japan"), ("Lyon", "France")] {
        let prompt = prompt(city).as_str().unwrap().to_owned();
        pairs.insert(prompt, choice("countries", country));
    }
    let steps = ["Sow", "Water", "Harvest"].map(|step| choice("garden", step));
    vec![
        ("planet", json!({ "choice": choice("planet", "Mercury") })),
        ("primes", json!({ "choices": [choice("primes", "2"), choice("primes", "7")] })),
        ("gravity", json!({ "number": "9.81" })),
        ("capital", json!({ "text": "  rome " })),
        ("garden", json!({ "order": steps })),
        ("countries", json!({ "pairs": pairs })),
    ]
}
