use aws_sdk_dynamodb::types::AttributeValue;
use minigate_domain::{
    Language,
    quizzes::{QuestionKey, Quiz, QuizDraft, QuizId, QuizList, QuizStatus, Version},
};
use minigate_store::{
    ArchiveOutcome, KnownDraft, PublishOutcome, PutDraft, PutDraftOutcome, QuizChange,
    personal::{Erased, NOUNS},
};
use minigate_testkit::{SeededEntropy, faults::Fault};

use crate::bed::{Bed, user_id};

const AUTHOR: u64 = 7;

fn id(text: &str) -> QuizId {
    text.parse().unwrap()
}

fn example() -> QuizDraft {
    serde_json::from_str(include_str!("../../../domain/src/quizzes/example.json")).unwrap()
}

/// The example under another title.
fn titled(title: &str) -> QuizDraft {
    let mut json = serde_json::to_value(example()).unwrap();
    json["title"]["en"] = title.into();
    serde_json::from_value(json).unwrap()
}

async fn put(bed: &Bed, quiz: &str, draft: &QuizDraft, known: KnownDraft) -> PutDraftOutcome {
    put_as(bed, AUTHOR, quiz, draft, known).await
}

async fn put_as(
    bed: &Bed,
    author: u64,
    quiz: &str,
    draft: &QuizDraft,
    known: KnownDraft,
) -> PutDraftOutcome {
    let (quiz, author) = (&id(quiz), user_id(author));
    let request = PutDraft { quiz, draft, author, may_change_all: false, known, now: bed.now() };
    bed.store.put_quiz_draft(&request).await.unwrap()
}

fn change(bed: &Bed, known_draft: Option<u64>) -> QuizChange {
    let entry = bed.entry("quiz.changed");
    QuizChange { only_of: Some(user_id(AUTHOR)), known_draft, entry }
}

async fn publish(bed: &Bed, quiz: &str) -> PublishOutcome {
    let change = change(bed, None);
    bed.store.publish_quiz(&id(quiz), &change, &SeededEntropy::new(3)).await.unwrap()
}

async fn published(bed: &Bed, quiz: &str) -> Quiz {
    let outcome = publish(bed, quiz).await;
    let PublishOutcome::Published(quiz) = outcome else { panic!("{outcome:?}") };
    quiz
}

async fn archive(bed: &Bed, quiz: &str) -> ArchiveOutcome {
    bed.store.archive_quiz(&id(quiz), &change(bed, None)).await.unwrap()
}

async fn titles(bed: &Bed, topic: Option<&str>, language: Option<&str>) -> Vec<String> {
    let list = QuizList {
        topic: topic.map(|topic| topic.parse().unwrap()),
        language: language.map(|language| language.parse().unwrap()),
    };
    let page = bed.store.quizzes(&list, None, 50).await.unwrap();
    page.quizzes.into_iter().map(|quiz| quiz.title).collect()
}

fn latest(quiz: &Quiz) -> u32 {
    quiz.card.as_ref().unwrap().version.get()
}

#[tokio::test]
async fn a_draft_is_stored_as_it_was_written_and_counts_its_changes() {
    let bed = Bed::start().await;
    let outcome = put(&bed, "first", &example(), KnownDraft::None).await;
    let PutDraftOutcome::Created(quiz) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        (quiz.status, quiz.draft, quiz.owner),
        (QuizStatus::Draft, 1, Some(user_id(AUTHOR)))
    );
    assert_eq!(quiz.card, None);
    let outcome = put(&bed, "first", &titled("Other"), KnownDraft::Number(1)).await;
    let PutDraftOutcome::Saved(quiz) = outcome else { panic!("{outcome:?}") };
    assert_eq!(quiz.draft, 2);
    let stored = bed.store.quiz_draft(&id("first")).await.unwrap().unwrap();
    assert_eq!(
        (stored.number, stored.owner, stored.draft),
        (2, Some(user_id(AUTHOR)), titled("Other"))
    );
    assert_eq!(bed.store.quiz(&id("first")).await.unwrap(), Some(quiz));
    assert_eq!(bed.store.quiz(&id("second")).await.unwrap(), None);
}

#[tokio::test]
async fn of_two_changes_of_one_draft_the_second_is_stale_and_a_repetition_is_not() {
    let bed = Bed::start().await;
    put(&bed, "first", &example(), KnownDraft::None).await;
    let is_saved = |outcome| matches!(outcome, PutDraftOutcome::Saved(quiz) if quiz.draft == 2);
    let stale = |outcome| matches!(outcome, PutDraftOutcome::Stale(Some(quiz)) if quiz.draft == 2);
    assert!(is_saved(put(&bed, "first", &titled("A"), KnownDraft::Number(1)).await));
    assert!(is_saved(put(&bed, "first", &titled("A"), KnownDraft::Number(1)).await), "repeated");
    assert!(stale(put(&bed, "first", &titled("B"), KnownDraft::Number(1)).await));
    assert!(stale(put(&bed, "first", &titled("B"), KnownDraft::None).await));
    let unknown = put(&bed, "second", &titled("B"), KnownDraft::Some).await;
    assert_eq!(unknown, PutDraftOutcome::Stale(None));
}

#[tokio::test]
async fn a_lost_answer_leaves_one_draft_and_one_version() {
    let bed = Bed::start().await;
    let lost = bed.faults.inject_times(1, "TransactWriteItems", Fault::SwallowAnswer);
    let outcome = put(&bed, "first", &example(), KnownDraft::None).await;
    assert!(matches!(outcome, PutDraftOutcome::Created(quiz) if quiz.draft == 1));
    assert_eq!(lost.hits(), 1);
    let lost = bed.faults.inject_times(1, "TransactWriteItems", Fault::SwallowAnswer);
    assert_eq!(latest(&published(&bed, "first").await), 1);
    assert_eq!(lost.hits(), 1);
    let again = publish(&bed, "first").await;
    assert!(matches!(again, PublishOutcome::Unchanged(quiz) if latest(&quiz) == 1), "repeated");
}

#[tokio::test]
async fn only_the_owner_changes_a_quiz() {
    let bed = Bed::start().await;
    put(&bed, "first", &example(), KnownDraft::None).await;
    let other = put_as(&bed, 8, "first", &titled("Mine"), KnownDraft::Nothing).await;
    assert_eq!(other, PutDraftOutcome::NotOwner);
    let by_other = QuizChange { only_of: Some(user_id(8)), ..change(&bed, None) };
    let (quiz, entropy) = (id("first"), SeededEntropy::new(3));
    let outcome = bed.store.publish_quiz(&quiz, &by_other, &entropy).await.unwrap();
    assert_eq!(outcome, PublishOutcome::NotOwner);
    let outcome = bed.store.archive_quiz(&quiz, &by_other).await.unwrap();
    assert_eq!(outcome, ArchiveOutcome::NotOwner);
    let by_administrator = QuizChange { only_of: None, ..change(&bed, None) };
    let outcome = bed.store.publish_quiz(&quiz, &by_administrator, &entropy).await.unwrap();
    assert!(
        matches!(outcome, PublishOutcome::Published(quiz) if quiz.owner == Some(user_id(AUTHOR)))
    );
}

#[tokio::test]
async fn the_quizzes_of_an_erased_author_stay_for_administrators() {
    let bed = Bed::start().await;
    put(&bed, "first", &example(), KnownDraft::None).await;
    let of_quizzes = NOUNS.iter().find(|noun| noun.noun() == "quizzes").unwrap();
    for _ in 0..2 {
        assert_eq!(of_quizzes.erase(&bed.store, user_id(AUTHOR)).await.unwrap(), Erased::All);
    }
    let quiz = bed.store.quiz(&id("first")).await.unwrap().unwrap();
    let draft = bed.store.quiz_draft(&id("first")).await.unwrap().unwrap();
    assert_eq!((quiz.owner, draft.owner), (None, None));
    assert_eq!(draft.draft, example());
    let again = put_as(&bed, AUTHOR, "first", &titled("Mine"), KnownDraft::Nothing).await;
    assert_eq!(again, PutDraftOutcome::NotOwner);
    let by_administrator = QuizChange { only_of: None, ..change(&bed, None) };
    let (quiz, entropy) = (id("first"), SeededEntropy::new(3));
    let outcome = bed.store.publish_quiz(&quiz, &by_administrator, &entropy).await.unwrap();
    assert!(matches!(outcome, PublishOutcome::Published(quiz) if quiz.owner.is_none()));
}

#[tokio::test]
async fn a_version_never_changes_and_its_key_comes_to_who_asks_for_it_only() {
    let bed = Bed::start().await;
    put(&bed, "first", &example(), KnownDraft::None).await;
    let quiz = published(&bed, "first").await;
    let first = bed.store.quiz_version(&id("first"), Version::FIRST).await.unwrap().unwrap();
    assert_eq!(quiz.card, Some(first.card()));
    let keyed = bed.store.quiz_version_with_key(&id("first"), Version::FIRST).await.unwrap();
    let keyed = keyed.unwrap();
    assert_eq!(keyed.published, first);
    let question = "gravity".parse().unwrap();
    assert!(
        matches!(keyed.key.of(&question), Some(QuestionKey::Number(ranges)) if ranges.len() == 2)
    );
    assert!(!format!("{keyed:?}").contains("9.8"));

    put(&bed, "first", &titled("Other"), KnownDraft::Number(1)).await;
    assert_eq!(latest(&published(&bed, "first").await), 2);
    let still = bed.store.quiz_version(&id("first"), Version::FIRST).await.unwrap();
    assert_eq!(still, Some(first));
    let third = Version::try_from(3).unwrap();
    assert_eq!(bed.store.quiz_version(&id("first"), third).await.unwrap(), None);
    assert!(bed.store.quiz_version_with_key(&id("second"), third).await.unwrap().is_none());
}

/// So a read that does not name it does not get it.
#[tokio::test]
async fn the_key_is_in_an_attribute_of_its_own() {
    let bed = Bed::start().await;
    put(&bed, "first", &example(), KnownDraft::None).await;
    published(&bed, "first").await;
    let key = [("PK", "QUIZ#first"), ("SK", "V#0001")]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
    let whole = bed.client.get_item().table_name("main").set_key(Some(key.into()));
    let whole = whole.send().await.unwrap().item.unwrap();
    let mut names: Vec<_> = whole.keys().map(String::as_str).collect();
    names.sort_unstable();
    let all = ["PK", "SK", "content", "format", "key", "published_at", "sha256", "version"];
    assert_eq!(names, all);
    for (name, value) in &whole {
        let text = format!("{value:?}");
        assert_eq!(text.contains("9.82"), name == "key", "{name}");
    }
}

#[tokio::test]
async fn the_hash_is_that_of_the_content_as_it_is_read() {
    use sha2::Digest;
    let bed = Bed::start().await;
    put(&bed, "first", &example(), KnownDraft::None).await;
    published(&bed, "first").await;
    let version = bed.store.quiz_version(&id("first"), Version::FIRST).await.unwrap().unwrap();
    let canonical = serde_json::to_string(&version.quiz).unwrap();
    let digest = sha2::Sha256::digest(canonical.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(version.sha256.as_str(), hex);
}

#[tokio::test]
async fn lists_show_the_latest_version_until_a_quiz_is_archived() {
    let bed = Bed::start().await;
    put(&bed, "first", &example(), KnownDraft::None).await;
    assert!(titles(&bed, None, None).await.is_empty(), "a draft is in no list");
    published(&bed, "first").await;
    let title = ["A bit of everything"];
    for (topic, language) in
        [(None, None), (Some("general"), None), (None, Some("en")), (Some("general"), Some("en"))]
    {
        assert_eq!(titles(&bed, topic, language).await, title, "{topic:?} {language:?}");
    }
    assert!(titles(&bed, None, Some("de")).await.is_empty(), "its questions are not in German");

    let mut moved = serde_json::to_value(titled("Another")).unwrap();
    moved["topics"] = serde_json::json!(["physics"]);
    put(&bed, "first", &serde_json::from_value(moved).unwrap(), KnownDraft::Number(1)).await;
    published(&bed, "first").await;
    assert!(titles(&bed, Some("general"), None).await.is_empty());
    assert_eq!(titles(&bed, Some("physics"), Some("en")).await, ["Another"]);
    assert_eq!(titles(&bed, None, None).await, ["Another"]);

    assert!(matches!(archive(&bed, "first").await, ArchiveOutcome::Archived(_)));
    assert!(titles(&bed, None, None).await.is_empty());
    let quiz = bed.store.quiz(&id("first")).await.unwrap().unwrap();
    assert_eq!((quiz.status, quiz.published()), (QuizStatus::Archived, None));
    assert!(matches!(archive(&bed, "first").await, ArchiveOutcome::Archived(_)), "repeated");
    let version = Version::try_from(2).unwrap();
    assert!(bed.store.quiz_version(&id("first"), version).await.unwrap().is_some());

    let back = published(&bed, "first").await;
    assert_eq!((back.status, latest(&back)), (QuizStatus::Published, 2), "no new version");
    assert_eq!(titles(&bed, None, None).await, ["Another"]);
}

#[tokio::test]
async fn a_list_is_read_in_parts_in_the_order_of_titles() {
    let bed = Bed::start().await;
    for title in ["delta", "Alpha", "charlie", "Bravo", "echo"] {
        put(&bed, &title.to_lowercase(), &titled(title), KnownDraft::None).await;
        published(&bed, &title.to_lowercase()).await;
    }
    let (list, mut seen, mut behind) = (QuizList::default(), Vec::new(), None);
    loop {
        let page = bed.store.quizzes(&list, behind.as_deref(), 2).await.unwrap();
        seen.extend(page.quizzes.into_iter().map(|quiz| quiz.title));
        let Some(last) = page.last else { break };
        behind = Some(last);
    }
    assert_eq!(seen, ["Alpha", "Bravo", "charlie", "delta", "echo"]);
}

#[tokio::test]
async fn publications_of_one_draft_at_once_make_one_version() {
    let bed = Bed::start().await;
    put(&bed, "first", &example(), KnownDraft::None).await;
    let at_once = [(); 6].map(|()| publish(&bed, "first"));
    let [one, two, three, four, five, six] = at_once;
    let outcomes = tokio::join!(one, two, three, four, five, six);
    let outcomes = [outcomes.0, outcomes.1, outcomes.2, outcomes.3, outcomes.4, outcomes.5];
    let made = outcomes.iter().filter(|outcome| matches!(outcome, PublishOutcome::Published(_)));
    assert_eq!(made.count(), 1);
    assert_eq!(latest(&bed.store.quiz(&id("first")).await.unwrap().unwrap()), 1);
    assert_eq!(bed.store.newest_audit_entries(9).await.unwrap().len(), 1);
}

/// The largest publication is a transaction that DynamoDB takes: at most 100 writes.
#[tokio::test]
async fn a_quiz_in_five_topics_and_sixteen_languages_is_published_again() {
    let bed = Bed::start().await;
    let languages = "bg cs da de el en es fi fr hr hu it nl pl pt sv".split(' ');
    let texts = |text: &str| {
        let texts = languages.clone().map(|tag| (tag.to_owned(), format!("{text} {tag}").into()));
        serde_json::Value::Object(texts.collect())
    };
    let mut json = serde_json::to_value(example()).unwrap();
    json["topics"] = serde_json::json!(["aa", "bb", "cc", "dd", "ee"]);
    json["description"] = texts("About");
    json["language"] = "sv".into();
    json["pools"] = serde_json::json!([{"questions": [{
        "id": "one", "text": texts("Question"), "kind": "number",
        "accepted": [{"from": "1", "to": "1"}],
    }]}]);
    json["rules"]["certificate"] = serde_json::Value::Null;
    for (number, title) in ["Title", "Other"].into_iter().enumerate() {
        json["title"] = texts(title);
        let draft = serde_json::from_value(json.clone()).unwrap();
        put(&bed, "first", &draft, KnownDraft::Nothing).await;
        let quiz = published(&bed, "first").await;
        assert_eq!(latest(&quiz) as usize, number + 1);
        assert_eq!(quiz.card.unwrap().languages.len(), 16);
    }
    let list = |language: &str| QuizList {
        topic: Some("ee".parse().unwrap()),
        language: Some(tag(language)),
    };
    for listed in ["sv", "bg", "cs", "da", "de", "el"] {
        let page = bed.store.quizzes(&list(listed), None, 9).await.unwrap();
        assert_eq!(page.quizzes.len(), 1, "{listed}");
        assert_eq!(page.quizzes[0].title, format!("Other {listed}"));
    }
    assert!(bed.store.quizzes(&list("pt"), None, 9).await.unwrap().quizzes.is_empty());
}

fn tag(language: &str) -> Language {
    language.parse().unwrap()
}

#[tokio::test]
async fn what_cannot_be_published_is_refused_with_its_faults() {
    let bed = Bed::start().await;
    assert_eq!(publish(&bed, "first").await, PublishOutcome::NotFound);
    assert_eq!(archive(&bed, "first").await, ArchiveOutcome::NotFound);
    let mut json = serde_json::to_value(example()).unwrap();
    json["pools"][0]["questions"][0]["choices"][0]["credit"] = 0.into();
    put(&bed, "first", &serde_json::from_value(json).unwrap(), KnownDraft::None).await;
    let PublishOutcome::Invalid(faults) = publish(&bed, "first").await else { panic!() };
    assert_eq!(faults[0].field, "pools[0].questions[0].choices");
    assert_eq!(archive(&bed, "first").await, ArchiveOutcome::NotPublished);
    let stale = change(&bed, Some(9));
    let outcome = bed.store.publish_quiz(&id("first"), &stale, &SeededEntropy::new(3)).await;
    assert!(matches!(outcome.unwrap(), PublishOutcome::Stale(_)));
}

#[tokio::test]
async fn calls_are_counted() {
    let bed = Bed::start().await;
    let calls = |names: &[&str]| {
        let counts: Vec<_> = names.iter().map(|name| bed.faults.count(*name)).collect();
        bed.faults.reset_counts();
        counts
    };
    let all = ["GetItem", "Query", "TransactWriteItems"];
    put(&bed, "first", &example(), KnownDraft::None).await;
    assert_eq!(calls(&all), [1, 0, 1], "a draft");
    put(&bed, "first", &example(), KnownDraft::Nothing).await;
    assert_eq!(calls(&all), [1, 0, 0], "the same draft");
    publish(&bed, "first").await;
    assert_eq!(calls(&all), [0, 1, 1], "a publication");
    publish(&bed, "first").await;
    assert_eq!(calls(&all), [0, 1, 0], "the same publication");
    bed.store.quiz_version_with_key(&id("first"), Version::FIRST).await.unwrap();
    assert_eq!(calls(&all), [1, 0, 0], "a version");
    archive(&bed, "first").await;
    assert_eq!(calls(&all), [1, 0, 1], "archiving");
}
