use minigate_tests::Deployment;
use serde_json::{Value, json};

use super::{Author, draft_of, random_name};

/// The headers of an answer that anybody may keep.
const PUBLIC: [&str; 2] = ["etag", "access-control-allow-origin"];

async fn page(api: &Deployment, query: &str) -> Value {
    let answer = api.get(&format!("/v1/quizzes?{query}")).header("cache-control", "no-cache");
    answer.send().await.assert_success(200, &PUBLIC)
}

fn titles(page: &Value) -> Vec<&str> {
    let quizzes = page["quizzes"].as_array().unwrap();
    quizzes.iter().map(|quiz| quiz["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_published_quiz_is_shown_to_anyone_without_its_questions() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let (id, topic) = (random_name("quiz"), random_name("topic"));
    let state = author.publish(&id, &draft_of("Of everything", &topic)).await;
    let quiz = api.get(&format!("/v1/quizzes/{id}")).send().await;
    let quiz = quiz.assert_success(200, &PUBLIC);
    assert_eq!(
        quiz,
        json!({
            "id": id, "version": 1, "sha256": state["sha256"], "published_at": state["published_at"],
            "title": "Of everything", "description": "One question of each kind.",
            "language": "en", "languages": ["en"], "topics": [topic],
            "questions": 5, "questions_in_all": 6,
            "rules": {
                "pass_mark": 6000, "time_limit_seconds": 600, "attempts_a_day": 5,
                "shuffle_questions": true,
                "certificate": {
                    "valid_days": 365, "renewal_days_before": 30, "renewal_questions": 3,
                },
            },
        })
    );
    let version = api.get(&format!("/v1/quizzes/{id}/versions/1")).send().await;
    assert_eq!(version.assert_success(200, &PUBLIC), quiz);
    let page = page(&api, &format!("topic={topic}")).await;
    assert_eq!(
        page,
        json!({ "quizzes": [{
            "id": id, "version": 1, "title": "Of everything", "summary": "One question of each kind.",
            "language": "en", "languages": ["en"], "topics": [topic], "questions": 5,
            "pass_mark": 6000, "time_limit_seconds": 600, "certificate": true,
            "published_at": state["published_at"],
        }] })
    );
}

#[tokio::test]
async fn the_language_asked_for_is_preferred_and_the_quizzes_own_shown_otherwise() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let id = random_name("quiz");
    author.publish(&id, &draft_of("Title", &random_name("topic"))).await;
    let path = format!("/v1/quizzes/{id}");
    for (query, accept, title, language) in [
        ("", "", "Title", "en"),
        ("", "de-CH, en;q=0.5", "Title (deutsch)", "de"),
        ("", "fr, xx", "Title", "en"),
        ("?language=de", "en", "Title (deutsch)", "de"),
        ("?language=fr", "de", "Title", "fr"),
    ] {
        let answer = api.get(&format!("{path}{query}")).header("accept-language", accept);
        let answer = answer.send().await;
        let quiz = answer.assert_success(200, &PUBLIC);
        assert_eq!((&quiz["title"], &quiz["language"]), (&title.into(), &language.into()));
        let vary = answer.header("vary").unwrap();
        assert!(vary.contains("accept-language"), "{vary}");
    }
}

#[tokio::test]
async fn who_has_an_answer_is_told_so() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let (id, topic) = (random_name("quiz"), random_name("topic"));
    author.publish(&id, &draft_of("Title", &topic)).await;
    for (path, max_age) in [
        (format!("/v1/quizzes/{id}"), 60),
        (format!("/v1/quizzes/{id}/versions/1"), 86_400),
        (format!("/v1/quizzes?topic={topic}"), 60),
    ] {
        let first = api.get(&path).send().await;
        first.assert_success(200, &PUBLIC);
        let cache = first.header("cache-control").unwrap();
        assert!(cache.starts_with(&format!("public, max-age={max_age}, ")), "{cache}");
        assert!(cache.contains("stale-while-revalidate="), "{cache}");
        let tag = first.header("etag").unwrap();
        assert!(tag.starts_with('"'), "{tag} is not strong");
        let second = api.get(&path).header("if-none-match", tag).send().await;
        second.assert_success(304, &PUBLIC);
        assert!(second.body.is_empty());
    }
    let german = api.get(&format!("/v1/quizzes/{id}?language=de")).send().await;
    let english = api.get(&format!("/v1/quizzes/{id}")).send().await;
    assert_ne!(german.header("etag"), english.header("etag"));
}

#[tokio::test]
async fn a_list_is_read_page_by_page_by_topic_and_language() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let topic = random_name("topic");
    for title in ["delta", "Alpha", "charlie"] {
        author.publish(&random_name("quiz"), &draft_of(title, &topic)).await;
    }
    let mut bilingual = draft_of("Bravo", &topic);
    bilingual["description"] = json!({ "en": "About", "de": "Über" });
    bilingual["pools"] = json!([{ "questions": [{
        "id": "one", "text": { "en": "How many?", "de": "Wie viele?" }, "kind": "number",
        "accepted": [{ "from": "1", "to": "1" }],
    }] }]);
    bilingual["rules"] = json!({ "pass_mark": 5000 });
    author.publish(&random_name("quiz"), &bilingual).await;

    let first = page(&api, &format!("topic={topic}&limit=3")).await;
    assert_eq!(titles(&first), ["Alpha", "Bravo", "charlie"]);
    let next = first["next"].as_str().unwrap();
    let second = page(&api, &format!("limit=3&topic={topic}&cursor={next}")).await;
    assert_eq!(titles(&second), ["delta"]);
    assert_eq!(second.get("next"), None);
    let german = page(&api, &format!("topic={topic}&language=de")).await;
    assert_eq!(titles(&german), ["Bravo (deutsch)"]);
    assert_eq!(german["quizzes"][0]["languages"], json!(["de", "en"]));
    assert_eq!(page(&api, "topic=a-topic-of-nobody").await, json!({ "quizzes": [] }));
}
