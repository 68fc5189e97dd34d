//! Nobody but its author learns what is right in a quiz.

use minigate_tests::Deployment;
use serde_json::json;

use super::{Author, draft_of, random_name};

/// What stands nowhere but in the key: words of answers and explanations, numbers, names that say too much.
const SECRETS: [&str; 9] = [
    "key-of-number-314159",
    "314159",
    "Secretum",
    "because-secret",
    "feedback-secret",
    "the-right-one",
    "credit",
    "accepted",
    "explanation",
];

#[tokio::test]
async fn no_answer_but_the_draft_says_what_is_right() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let (id, topic) = (random_name("quiz"), random_name("topic"));
    let mut draft = draft_of("Secrets", &topic);
    draft["pools"] = json!([{ "questions": [
        {
            "id": "single", "text": { "en": "Which?" }, "kind": "single",
            "explanation": { "en": "because-secret" },
            "choices": [
                { "id": "the-right-one", "text": { "en": "A" }, "credit": 10_000 },
                { "id": "the-wrong-one", "text": { "en": "B" }, "feedback": { "en": "feedback-secret" } },
            ],
        },
        {
            "id": "number", "text": { "en": "How many?" }, "kind": "number",
            "accepted": [{ "from": "314159", "to": "314159" }],
        },
        {
            "id": "text", "text": { "en": "What?" }, "kind": "text",
            "accepted": { "en": [{ "text": "Secretum" }] },
        },
    ] }]);
    draft["rules"] = json!({ "pass_mark": 5000 });
    let sign = |request: minigate_tests::Request| author.sign(request);
    let path = format!("/v1/quizzes/{id}");
    let answers = [
        author.put(&id, &draft).await,
        author.post(&id, "publish").await,
        api.get(&path).send().await,
        sign(api.get(&path)).send().await,
        api.get(&format!("{path}?language=de")).send().await,
        api.get(&format!("{path}/versions/1")).send().await,
        sign(api.get(&format!("{path}/versions/1"))).send().await,
        api.get(&format!("/v1/quizzes?topic={topic}"))
            .header("cache-control", "no-cache")
            .send()
            .await,
        author.post(&id, "archive").await,
        author.post(&id, "publish").await,
        author.putting(&id).header("if-match", "\"9\"").json(&draft_of("B", &topic)).send().await,
        api.get(&format!("{path}/draft")).send().await,
    ];
    for answer in answers {
        let text = format!("{:?} {}", answer.headers, answer.body);
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    let read = author.read_draft(&id).await;
    assert!(SECRETS[1..].iter().all(|secret| read.body.contains(secret)), "{}", read.body);
}
