use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_domain::{
    AttemptId, NamedRequest, Repetition,
    attempts::{AnswerKind, AnswerRefusal, Attempt, Given, Misfit, NewAttempt},
    leaderboards::Scope,
    quizzes::{QuestionId, QuestionKey, QuizDraft, QuizId},
};
use minigate_store::{
    KeyedVersion, KnownDraft, PublishOutcome, PutDraft, QuizChange, StoreError,
    attempts::{
        AnswerOutcome, ScoreAttempt, ScoreOutcome, ScoreWhen, Scored, StartAttempt, StartOutcome,
    },
    personal::{Erased, NOUNS},
};
use minigate_testkit::{SeededEntropy, faults::Fault};

use crate::bed::{Bed, user_id};

const USER: u64 = 7;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A deployment with one quiz of all kinds: six questions, ten minutes, five attempts a day, a certificate.
struct Room {
    bed: Bed,
    entropy: SeededEntropy,
    version: KeyedVersion,
}

fn quiz() -> QuizId {
    "everything".parse().unwrap()
}

fn request(key: &str) -> NamedRequest {
    NamedRequest {
        user_id: user_id(USER),
        route: "POST /v1/quizzes/{id}/attempts".to_owned(),
        key: key.parse().unwrap(),
        fingerprint: "f".to_owned(),
    }
}

impl Room {
    async fn open() -> Self {
        let bed = Bed::start().await;
        let mut json: serde_json::Value =
            serde_json::from_str(include_str!("../../../domain/src/quizzes/example.json")).unwrap();
        json["pools"][0]["draw"] = 2.into();
        let draft: QuizDraft = serde_json::from_value(json).unwrap();
        let put = PutDraft {
            quiz: &quiz(),
            draft: &draft,
            author: user_id(1),
            may_change_all: false,
            known: KnownDraft::None,
            now: bed.now(),
        };
        bed.store.put_quiz_draft(&put).await.unwrap();
        let entry = bed.entry("quiz.published");
        let change = QuizChange { only_of: None, known_draft: None, entry };
        let entropy = SeededEntropy::new(5);
        let published = bed.store.publish_quiz(&quiz(), &change, &entropy).await.unwrap();
        let PublishOutcome::Published(published) = published else { panic!("{published:?}") };
        let version = published.card.unwrap().version;
        let version = bed.store.quiz_version_with_key(&quiz(), version).await.unwrap().unwrap();
        Self { bed, entropy, version }
    }

    fn attempt(&self) -> Attempt {
        let new = NewAttempt {
            user_id: user_id(USER),
            quiz_id: &quiz(),
            version: self.version.published.version,
            quiz: &self.version.published.quiz,
            language: None,
            renews: None,
        };
        Attempt::start(new, self.bed.now(), &self.entropy)
    }

    async fn try_start(&self, attempt: &Attempt, key: &str) -> StartOutcome {
        let start = StartAttempt { attempt, attempts_a_day: 5, request: &request(key) };
        self.bed.store.start_attempt(&start, self.bed.now()).await.unwrap()
    }

    async fn start(&self) -> Attempt {
        let attempt = self.attempt();
        let key = attempt.id.to_string();
        assert_eq!(self.try_start(&attempt, &key).await, StartOutcome::Started);
        attempt
    }

    fn right(&self, question: &QuestionId) -> Given {
        match self.version.key.of(question).unwrap() {
            QuestionKey::Single(credits) => {
                let best = credits.iter().find(|(_, credit)| **credit == 10_000);
                Given::Choice(best.unwrap().0.clone())
            }
            QuestionKey::Multiple(credits) => {
                let good = credits.iter().filter(|(_, credit)| **credit > 0);
                Given::Choices(good.map(|(id, _)| id.clone()).collect())
            }
            QuestionKey::Number(ranges) => Given::Number(ranges[0].from),
            QuestionKey::Text { .. } => Given::Text("rome".to_owned().try_into().unwrap()),
            QuestionKey::Ordering(steps) => Given::Order(steps.clone()),
            QuestionKey::Matching(pairs) => Given::Pairs(pairs.clone()),
        }
    }

    async fn answer(&self, id: AttemptId, question: &str, given: &Given) -> AnswerOutcome {
        let question = question.parse().unwrap();
        let now = self.bed.now();
        self.bed.store.answer_attempt(user_id(USER), id, &question, given, now).await.unwrap()
    }

    async fn answer_all(&self, attempt: &Attempt) {
        for question in attempt.asked.keys() {
            let given = self.right(question);
            let outcome = self.answer(attempt.id, question.as_str(), &given).await;
            assert!(matches!(outcome, AnswerOutcome::Taken(_)), "{question}: {outcome:?}");
        }
    }

    async fn try_score(&self, id: AttemptId, when: ScoreWhen) -> Result<ScoreOutcome, StoreError> {
        let version = self.version.published.version;
        let user_id = user_id(USER);
        let request = ScoreAttempt { user_id, id, quiz: quiz(), version, keyed: None, when };
        self.bed.store.score_attempt(&request, self.bed.now(), &self.entropy).await
    }

    async fn submit(&self, id: AttemptId) -> Scored {
        let outcome = self.try_score(id, ScoreWhen::Submitted).await.unwrap();
        let ScoreOutcome::Scored(scored) = outcome else { panic!("{outcome:?}") };
        *scored
    }

    async fn due(&self) -> Vec<AttemptId> {
        let mut due = Vec::new();
        for shard in 0..AttemptId::SHARDS {
            let found = self.bed.store.due_attempts(shard, self.bed.now(), 10).await.unwrap();
            due.extend(found.into_iter().map(|attempt| attempt.id));
        }
        due
    }

    async fn state(&self) -> BTreeMap<String, AttributeValue> {
        let read = self.bed.client.get_item().table_name("main").consistent_read(true);
        let read = read.key("PK", AttributeValue::S(format!("USER#{USER}")));
        let read = read.key("SK", AttributeValue::S("STATE#everything".to_owned()));
        read.send().await.unwrap().item.unwrap_or_default().into_iter().collect()
    }
}

#[tokio::test]
async fn an_attempt_is_started_answered_and_scored_by_one_call_each_and_one_read() {
    let room = Room::open().await;
    room.bed.faults.reset_counts();
    let attempt = room.start().await;
    assert_eq!(room.bed.faults.count("TransactWriteItems"), 1);
    let stored = room.bed.store.attempt(user_id(USER), attempt.id).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&attempt));
    room.answer_all(&attempt).await;
    assert_eq!(room.bed.faults.count("UpdateItem"), 6);
    room.bed.faults.reset_counts();
    let scored = room.submit(attempt.id).await;
    let calls: Vec<_> =
        room.bed.faults.calls_of(minigate_testkit::faults::Target::Any).into_iter().collect();
    let names: Vec<_> =
        calls.iter().map(|(call, count)| (call.operation.as_str(), *count)).collect();
    assert_eq!(names, [("BatchGetItem", 1), ("TransactWriteItems", 1)]);
    assert!(scored.is_first);
    let score = scored.attempt.score.clone().unwrap();
    assert_eq!((score.share.get(), score.passed), (10_000, true));
    let stored = room.bed.store.attempt(user_id(USER), attempt.id).await.unwrap();
    assert_eq!(stored, Some(scored.attempt));
}

#[tokio::test]
async fn a_pass_has_all_its_consequences_at_once() {
    let room = Room::open().await;
    let attempt = room.start().await;
    room.answer_all(&attempt).await;
    let scored = room.submit(attempt.id).await;
    let certificate = scored.attempt.score.unwrap().certificate.unwrap();
    let stored = room.bed.store.certificate(certificate).await.unwrap().unwrap().certificate;
    assert_eq!((stored.holder, stored.attempt), (Some(user_id(USER)), Some(attempt.id)));
    let in_quiz = room.bed.store.standing(user_id(USER), &Scope::Quiz(quiz())).await.unwrap();
    let in_all = room.bed.store.standing(user_id(USER), &Scope::Global).await.unwrap();
    assert_eq!(in_quiz.all.unwrap().score.get(), 10_000);
    assert_eq!(in_all.all.unwrap().score.get(), 1_000);
    assert_eq!(scored.waiting.len(), 2);
    let state = room.state().await;
    assert_eq!(state["best"], AttributeValue::N("10000".to_owned()));
    assert_eq!(state["passed"], AttributeValue::Ns(vec!["1".to_owned()]));
    assert!(!state.contains_key("open"));
    assert_eq!(room.due().await, []);

    // A second pass: no second certificate, and nobody moves.
    room.bed.clock.advance(Duration::from_secs(60));
    let again = room.start().await;
    room.answer_all(&again).await;
    let scored = room.submit(again.id).await;
    assert_eq!(scored.attempt.score.unwrap().certificate, None);
    assert_eq!(scored.waiting, []);
    let still = room.bed.store.standing(user_id(USER), &Scope::Quiz(quiz())).await.unwrap();
    assert_eq!(still, in_quiz);
}

/// The keys of every item that names the user, in its key or as the holder of a certificate.
async fn naming_the_user(room: &Room) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "a test that looks at every item")]
    let items = room.bed.client.scan().table_name("main").send().await.unwrap().items.unwrap();
    let names = |text: &str| text.split(['#', '-']).any(|part| part == USER.to_string());
    let naming = items.into_iter().filter_map(|item| {
        let [partition, sort] = ["PK", "SK"].map(|name| item[name].as_s().unwrap().as_str());
        // A lane has a number, which may be that of the user.
        let is_in_key = names(sort) || names(partition) && !partition.starts_with("LANE#");
        (is_in_key || item.contains_key("holder")).then(|| format!("{partition} {sort}"))
    });
    naming.collect()
}

#[tokio::test]
async fn whoever_is_erased_leaves_no_attempt_no_deadline_and_no_entry() {
    let room = Room::open().await;
    let passed = room.start().await;
    room.answer_all(&passed).await;
    let certificate = room.submit(passed.id).await.attempt.score.unwrap().certificate.unwrap();
    room.bed.clock.advance(Duration::from_secs(60));
    let open = room.start().await;
    assert!(naming_the_user(&room).await.len() > 8);
    for noun in NOUNS {
        let mut pages = 0;
        while noun.erase(&room.bed.store, user_id(USER)).await.unwrap() == Erased::Some {
            pages += 1;
            assert!(pages < 5, "{} does not end", noun.noun());
        }
    }
    assert_eq!(naming_the_user(&room).await, Vec::<String>::new());
    let left = room.bed.store.certificate(certificate).await.unwrap().unwrap().certificate;
    assert_eq!((left.holder, left.attempt), (None, None));
    // Nobody scores what was open.
    let outcome = room.try_score(open.id, ScoreWhen::Submitted).await.unwrap();
    assert!(matches!(outcome, ScoreOutcome::NotFound));
    assert_eq!(naming_the_user(&room).await, Vec::<String>::new());
}

#[tokio::test]
async fn there_is_one_open_attempt_and_a_limit_for_each_day() {
    let room = Room::open().await;
    let first = room.start().await;
    let second = room.attempt();
    let open = StartOutcome::Open { id: first.id, deadline: first.deadline };
    assert_eq!(room.try_start(&second, "other").await, open);
    assert_eq!(room.bed.store.attempt(user_id(USER), second.id).await.unwrap(), None);
    room.submit(first.id).await;
    for _ in 0..4 {
        let attempt = room.start().await;
        room.submit(attempt.id).await;
    }
    assert_eq!(room.try_start(&second, "sixth").await, StartOutcome::UsedUp);
    for _ in 0..3 {
        room.bed.clock.advance(DAY);
        let attempt = room.start().await;
        room.submit(attempt.id).await;
    }
    let counts = room.state().await.into_keys().filter(|name| name.starts_with("starts_"));
    assert_eq!(counts.count(), 2, "those of former days are removed");
}

#[tokio::test]
async fn a_repeated_start_is_the_same_attempt_for_a_day() {
    let room = Room::open().await;
    let first = room.attempt();
    assert_eq!(room.try_start(&first, "k").await, StartOutcome::Started);
    let again = room.attempt();
    let answered = StartOutcome::Repeated(Repetition::Answered(first.id.to_string()));
    assert_eq!(room.try_start(&again, "k").await, answered);
    // Also when the attempt is over: the repetition is known before any other condition counts.
    room.submit(first.id).await;
    assert_eq!(room.try_start(&again, "k").await, answered);
    let other = NamedRequest { fingerprint: "g".to_owned(), ..request("k") };
    let start = StartAttempt { attempt: &again, attempts_a_day: 5, request: &other };
    let outcome = room.bed.store.start_attempt(&start, room.bed.now()).await.unwrap();
    assert_eq!(outcome, StartOutcome::Repeated(Repetition::OtherPayload));
    room.bed.clock.advance(DAY);
    assert_eq!(room.try_start(&again, "k").await, StartOutcome::Started);
}

#[tokio::test]
async fn a_start_that_conflicts_is_under_way_and_a_lost_answer_starts_once() {
    let room = Room::open().await;
    let attempt = room.attempt();
    {
        let _conflict = room.bed.faults.inject("TransactWriteItems", Fault::Conflict);
        let outcome = room.try_start(&attempt, "k").await;
        assert_eq!(outcome, StartOutcome::Repeated(Repetition::UnderWay));
    }
    let lost = room.bed.faults.inject_times(1, "TransactWriteItems", Fault::SwallowAnswer);
    assert_eq!(room.try_start(&attempt, "k").await, StartOutcome::Started);
    assert_eq!(lost.hits(), 1);
    let lost = room.bed.faults.inject_times(1, "TransactWriteItems", Fault::SwallowAnswer);
    assert!(room.submit(attempt.id).await.is_first);
    assert_eq!(lost.hits(), 1);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_the_write_itself() {
    let room = Room::open().await;
    let attempt = room.start().await;
    let refused = AnswerOutcome::Refused;
    let misfit = |misfit| refused(AnswerRefusal::Misfit(misfit));
    let unknown = |field: &str| misfit(Misfit::Unknown { field: field.to_owned() });
    let number = Given::Number("1".parse().unwrap());
    let answer = |question, given| room.answer(attempt.id, question, given);
    assert_eq!(answer("nothing", &number).await, refused(AnswerRefusal::NotAsked));
    assert_eq!(answer("planet", &number).await, misfit(Misfit::Kind(AnswerKind::Single)));
    let none = Given::Choice("zz".parse().unwrap());
    assert_eq!(answer("planet", &none).await, unknown("choice"));
    let none = Given::Choices(["a", "zz"].map(|id| id.parse().unwrap()).into());
    assert_eq!(answer("primes", &none).await, unknown("choices[1]"));
    let Given::Order(steps) = room.right(&"garden".parse().unwrap()) else { panic!() };
    let short = Given::Order(steps[..2].to_vec());
    assert_eq!(answer("garden", &short).await, misfit(Misfit::Incomplete(3)));
    let twice = Given::Order(vec![steps[0].clone(), steps[1].clone(), steps[1].clone()]);
    let repeated = misfit(Misfit::Repeated { field: "order[2]".to_owned() });
    assert_eq!(answer("garden", &twice).await, repeated);
    let pairs = Given::Pairs([("p1".parse().unwrap(), "zz".parse().unwrap())].into());
    assert_eq!(answer("countries", &pairs).await, unknown("pairs.p1"));
    let empty = Given::Pairs(BTreeMap::new());
    assert!(matches!(answer("countries", &empty).await, AnswerOutcome::Taken(_)));
    let stored = room.bed.store.attempt(user_id(USER), attempt.id).await.unwrap().unwrap();
    assert_eq!((stored.answers.len(), stored.answered(), stored.rev), (1, 0, 1));

    let foreign = AttemptId::random(&room.entropy);
    assert_eq!(room.answer(foreign, "planet", &number).await, AnswerOutcome::NotFound);
    room.bed.clock.advance(Duration::from_secs(600));
    assert_eq!(answer("gravity", &number).await, refused(AnswerRefusal::Over));
    room.submit(attempt.id).await;
    assert_eq!(answer("gravity", &number).await, refused(AnswerRefusal::Scored));
}

#[tokio::test]
async fn an_answer_whose_acknowledgement_was_lost_is_taken_once() {
    let room = Room::open().await;
    let attempt = room.start().await;
    let lost = room.bed.faults.inject_times(1, "UpdateItem", Fault::SwallowAnswer);
    let number = Given::Number("1".parse().unwrap());
    let outcome = room.answer(attempt.id, "gravity", &number).await;
    assert!(matches!(outcome, AnswerOutcome::Taken(_)), "{outcome:?}");
    assert_eq!(lost.hits(), 1);
}

#[tokio::test]
async fn an_attempt_is_scored_once_however_many_notice_its_end() {
    let room = Room::open().await;
    let attempt = room.start().await;
    let early = room.try_score(attempt.id, ScoreWhen::Due).await.unwrap();
    assert!(matches!(early, ScoreOutcome::Open(_)), "{early:?}");
    room.bed.clock.advance(Duration::from_secs(601));
    assert_eq!(room.due().await, [attempt.id]);
    let (one, two, three) = tokio::join!(
        room.try_score(attempt.id, ScoreWhen::Due),
        room.submit(attempt.id),
        room.try_score(attempt.id, ScoreWhen::Due),
    );
    let scored = |outcome| match outcome {
        ScoreOutcome::Scored(scored) => *scored,
        outcome => panic!("{outcome:?}"),
    };
    let all = [scored(one.unwrap()), two, scored(three.unwrap())];
    assert_eq!(all.iter().filter(|scored| scored.is_first).count(), 1);
    assert!(all.iter().all(|scored| scored.attempt.score == all[0].attempt.score));
    assert_eq!(all[0].attempt.score.as_ref().unwrap().at, attempt.deadline);
    assert_eq!(room.due().await, []);
}

#[tokio::test]
async fn a_certificate_is_renewed_by_a_shorter_attempt_when_it_is_due() {
    let room = Room::open().await;
    let attempt = room.start().await;
    room.answer_all(&attempt).await;
    let held = room.submit(attempt.id).await.attempt.score.unwrap().certificate.unwrap();
    let renewal = |renews| {
        let new = NewAttempt {
            user_id: user_id(USER),
            quiz_id: &quiz(),
            version: room.version.published.version,
            quiz: &room.version.published.quiz,
            language: None,
            renews: Some(renews),
        };
        Attempt::start(new, room.bed.now(), &room.entropy)
    };
    let early = room.try_start(&renewal(held), "early").await;
    let StartOutcome::TooEarly(from) = early else { panic!("{early:?}") };
    assert_eq!(from.since(room.bed.now()).as_secs() / 86_400, 335);
    let other = minigate_domain::CertificateId::random(&room.entropy);
    assert_eq!(room.try_start(&renewal(other), "other").await, StartOutcome::NotRenewable);
    room.bed.clock.advance(DAY * 340);
    let attempt = renewal(held);
    assert_eq!(attempt.asked.len(), 3);
    assert_eq!(room.try_start(&attempt, "due").await, StartOutcome::Started);
    room.answer_all(&attempt).await;
    let scored = room.submit(attempt.id).await;
    let next = scored.attempt.score.unwrap().certificate.unwrap();
    assert_ne!(next, held);
    assert_eq!(scored.waiting, [], "a shorter attempt is on no board");
    assert_eq!(room.try_start(&renewal(held), "again").await, StartOutcome::NotRenewable);
}

#[tokio::test]
async fn attempts_are_listed_the_newest_first_page_by_page() {
    let room = Room::open().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        room.bed.clock.advance(Duration::from_secs(1));
        let attempt = room.start().await;
        room.submit(attempt.id).await;
        ids.insert(0, attempt.id);
    }
    let page = room.bed.store.attempts(user_id(USER), None, 3).await.unwrap();
    let found: Vec<_> = page.attempts.iter().map(|attempt| attempt.id).collect();
    assert_eq!((found.as_slice(), page.last), (&ids[..3], Some(ids[2])));
    let page = room.bed.store.attempts(user_id(USER), page.last, 3).await.unwrap();
    let found: Vec<_> = page.attempts.iter().map(|attempt| attempt.id).collect();
    assert_eq!((found.as_slice(), page.last), (&ids[3..], None));
    assert!(page.attempts.iter().all(|attempt| attempt.score.is_some()));
}
