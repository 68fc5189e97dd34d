//! A deterministic simulation: the very writes of this module on a table in memory.
//!
//! Users start, answer and submit; a sweep looks for what is over. Each is a read and, any time later, again or
//! never, a write: so they race, die between any two calls, and are repeated. Reads of several items are torn:
//! others write between them. The clock goes on, jumps over days and years, and is set back. After each write:
//!
//! 1. An attempt is scored once, with what its answers earn; nothing changes it after that.
//! 2. A user has at most one attempt of a quiz without a score. It is the one that the state names and that stands
//!    among the deadlines; nothing else does.
//! 3. The best score is that of the best attempt, and the user's place on the board is that score.
//! 4. Each day's attempts are counted, and are no more than allowed.
//! 5. Every answer fits its question and was given before the deadline.
//! 6. A certificate belongs to a pass, and the next one is issued when the one before may be renewed.
//! 7. A request starts one attempt, however often it comes within a day.
//! 8. The pinned version never changes.
//!
//! `ATTEMPT_SIMULATION_STEPS` and `ATTEMPT_SIMULATION_SEEDS` make it longer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_dynamodb::{
    Client, Config, config::BehaviorVersion, operation::update_item::UpdateItemInput,
    types::TransactWriteItem,
};
use minigate_domain::{
    AttemptId, CertificateId, Entropy, NamedRequest, Timestamp, UserId,
    attempts::{Attempt, Given, NewAttempt, score},
    certificates::Certificate,
    leaderboards::Scope,
    quizzes::{ContentHash, QuizDraft, QuizId, Version},
};

use super::{
    decode_attempt,
    score::Read,
    start::StartAttempt,
    state::{QuizState, day, decode_state},
};
use crate::{
    KeyedVersion, PublishedVersion, Store, Tables,
    call::{Item, decoded},
    keys,
    leaderboards::{decode_standing, standing_key},
    simulated::{Table, key_of},
};

const USERS: u64 = 3;
const QUIZZES: [&str; 2] = ["everything", "all-sorts"];
const SECOND: u64 = 1_000;
const DAY: u64 = 86_400 * SECOND;
const A_DAY: u8 = 5;

/// xorshift64*: the same seed gives the same run.
struct Random(std::sync::Mutex<u64>);

impl Random {
    fn below(&self, bound: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % bound
    }

    fn one_in(&self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

impl Entropy for Random {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = u8::try_from(self.below(256)).unwrap();
        }
    }
}

/// What somebody is about to do, made of what they have read.
#[derive(Clone)]
enum Planned {
    Start {
        attempt: Attempt,
        request: NamedRequest,
        writes: Vec<TransactWriteItem>,
    },
    Answer {
        user: UserId,
        quiz: QuizId,
        update: Box<UpdateItemInput>,
    },
    /// The attempt was read, the rest not yet.
    Look {
        attempt: Attempt,
    },
    Score {
        attempt: Attempt,
        writes: Vec<TransactWriteItem>,
    },
}

struct World {
    random: Random,
    store: Store,
    table: Table,
    now: Timestamp,
    versions: BTreeMap<(QuizId, Version), Arc<KeyedVersion>>,
    planned: Vec<Planned>,
    attempts: Vec<(UserId, AttemptId)>,
    /// What was scored, as it was then, and its item.
    scored: BTreeMap<AttemptId, (Attempt, Item)>,
    /// Which attempt a key has started, and when.
    named: BTreeMap<(UserId, String), (Timestamp, AttemptId)>,
    done: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let random = Random(std::sync::Mutex::new(seed * 0x9e37_79b9 + 1));
        let mut versions = BTreeMap::new();
        for quiz in QUIZZES {
            for number in [1_u32, 2] {
                let version = Version::try_from(number).unwrap();
                let keyed = keyed_version(version, quiz == "everything", &random);
                versions.insert((quiz.parse().unwrap(), version), Arc::new(keyed));
            }
        }
        let config = Config::builder().behavior_version(BehaviorVersion::latest()).build();
        let [main, volatile, audit] = ["main", "volatile", "audit"].map(str::to_owned);
        Self {
            random,
            store: Store::new(Client::from_conf(config), Tables { main, volatile, audit }),
            table: Table::default(),
            now: Timestamp::from_unix_millis(1_795_478_400_000),
            versions,
            planned: Vec::new(),
            attempts: Vec::new(),
            scored: BTreeMap::new(),
            named: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    fn attempt(&self, user: UserId, id: AttemptId) -> Option<Attempt> {
        self.table.get(&keys::attempt(user, id)).map(|item| decode_attempt(item).unwrap())
    }

    fn state(&self, user: UserId, quiz: &QuizId) -> QuizState {
        let item = self.table.get(&keys::quiz_state(user, quiz));
        item.map(|item| decode_state(item).unwrap()).unwrap_or_default()
    }

    /// Mostly one that is open.
    fn some_attempt(&self) -> Option<Attempt> {
        let tries = (0..6).filter_map(|_| self.any_attempt());
        let open = tries.into_iter().find(|attempt| attempt.score.is_none());
        open.filter(|_| !self.random.one_in(10)).or_else(|| self.any_attempt())
    }

    fn any_attempt(&self) -> Option<Attempt> {
        // Mostly one of the latest, which may be open.
        let count = self.attempts.len() as u64;
        let back = self.random.below(count.clamp(1, if self.random.one_in(8) { 200 } else { 6 }));
        let at = count.checked_sub(back + 1)?;
        let (user, id) = self.attempts[usize::try_from(at).unwrap()];
        self.attempt(user, id)
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..10 => self.plan_start(),
            10..28 => self.plan_answer(),
            28..36 => self.plan_look(),
            36..39 => self.sweep(),
            39..88 => self.act(),
            // Whoever was about to do something has died.
            88..92 if !self.planned.is_empty() => {
                let at = self.random.below(self.planned.len() as u64);
                self.planned.swap_remove(usize::try_from(at).unwrap());
                self.count("died");
            }
            92..98 => self.go_on(),
            _ => self.planned.truncate(30),
        }
    }

    fn go_on(&mut self) {
        let (before, millis) = (self.now, self.now.unix_millis());
        let millis = match self.random.below(20) {
            0..10 => millis + self.random.below(120 * SECOND),
            10..14 => millis + self.random.below(15 * 60 * SECOND),
            14..18 => millis + self.random.below(2 * DAY),
            18 => millis + 200 * DAY,
            _ => millis - self.random.below(300 * SECOND),
        };
        self.now = Timestamp::from_unix_millis(millis);
        if self.now.since(before).as_secs() > 600 {
            // No call lasts that long: the counts of a day are kept until the one after.
            self.planned.retain(|planned| !matches!(planned, Planned::Start { .. }));
        }
    }

    fn plan_start(&mut self) {
        let user = UserId::new(1 + self.random.below(USERS)).unwrap();
        let quiz: QuizId = QUIZZES[usize::try_from(self.random.below(2)).unwrap()].parse().unwrap();
        // An instance may know the former version only.
        let version = Version::try_from(1 + u32::from(self.random.one_in(2))).unwrap();
        let keyed = Arc::clone(&self.versions[&(quiz.clone(), version)]);
        let held = self.state(user, &quiz).certificate.map(|held| held.id);
        let new = NewAttempt {
            user_id: user,
            quiz_id: &quiz,
            version,
            quiz: &keyed.published.quiz,
            language: None,
            renews: held.filter(|_| self.random.one_in(2)),
        };
        let attempt = Attempt::start(new, self.now, &self.random);
        let key = format!("k{}", self.random.below(12));
        let request = NamedRequest {
            user_id: user,
            route: "start".to_owned(),
            key: key.parse().unwrap(),
            fingerprint: String::new(),
        };
        let start = StartAttempt { attempt: &attempt, attempts_a_day: A_DAY, request: &request };
        let writes = self.store.starting(&start, self.now).unwrap();
        assert!(writes.len() <= 5);
        self.planned.push(Planned::Start { attempt, request, writes });
    }

    fn plan_answer(&mut self) {
        let Some(attempt) = self.some_attempt() else { return };
        let asked: Vec<_> = attempt.asked.keys().cloned().collect();
        let question = &asked[usize::try_from(self.random.below(asked.len() as u64)).unwrap()];
        // Mostly the right answer of this question; sometimes that of another one, which mostly does not fit.
        let of = match self.random.one_in(5) {
            true => &asked[usize::try_from(self.random.below(asked.len() as u64)).unwrap()],
            false => question,
        };
        let keyed = &self.versions[&(attempt.quiz.clone(), attempt.version)];
        let given = right(keyed, of);
        let answer = minigate_domain::attempts::Answer { given, at: self.now };
        let update = self.store.answering(attempt.user_id, attempt.id, question, &answer).unwrap();
        let update = Box::new(update.as_input().clone().build().unwrap());
        let (user, quiz) = (attempt.user_id, attempt.quiz);
        self.planned.push(Planned::Answer { user, quiz, update });
    }

    fn plan_look(&mut self) {
        let Some(attempt) = self.some_attempt().filter(|attempt| attempt.score.is_none()) else {
            return;
        };
        self.planned.push(Planned::Look { attempt });
    }

    fn sweep(&mut self) {
        let shard = u8::try_from(self.random.below(AttemptId::SHARDS.into())).unwrap();
        for item in self.table.query(&keys::due_shard(shard), "") {
            let due: super::DueAttempt = decoded("deadline", item).unwrap();
            let attempt = self.attempt(due.user_id, due.id).unwrap();
            if attempt.is_due(self.now) {
                self.count("swept");
                self.planned.push(Planned::Look { attempt });
            }
        }
    }

    fn act(&mut self) {
        if self.planned.is_empty() {
            return;
        }
        let at = usize::try_from(self.random.below(self.planned.len() as u64)).unwrap();
        let planned = self.planned.swap_remove(at);
        if self.random.one_in(4) && !matches!(planned, Planned::Look { .. }) {
            // Its answer will be lost, so it comes again.
            self.planned.push(planned.clone());
        }
        match planned {
            Planned::Start { attempt, request, writes } => self.start(attempt, &request, &writes),
            Planned::Answer { user, quiz, update } => {
                let is_taken = self.table.update(&update);
                self.count(if is_taken { "answered" } else { "refused" });
                self.check(user, &quiz);
            }
            Planned::Look { attempt } => self.plan_score(attempt),
            Planned::Score { attempt, writes } => {
                let is_scored = self.table.transact(&writes).is_ok();
                self.count(if is_scored { "scored" } else { "raced" });
                if is_scored {
                    let item = self.table.get(&keys::attempt(attempt.user_id, attempt.id)).unwrap();
                    let scored = decode_attempt(item.clone()).unwrap();
                    self.check_score(&scored);
                    let before = self.scored.insert(attempt.id, (scored, item));
                    assert_eq!(before, None, "scored twice");
                }
                self.check(attempt.user_id, &attempt.quiz);
            }
        }
    }

    fn start(&mut self, attempt: Attempt, request: &NamedRequest, writes: &[TransactWriteItem]) {
        let name = (attempt.user_id, request.key.to_string());
        match self.table.transact(writes) {
            Ok(()) => {
                self.count(if attempt.is_renewal() { "renewed" } else { "started" });
                let place = (attempt.started_at, attempt.id);
                if let Some((at, _)) = self.named.insert(name, place) {
                    let is_over = attempt.started_at.unix_seconds() >= at.unix_seconds() + 86_400;
                    assert!(is_over, "a request has started two attempts");
                }
                self.attempts.push((attempt.user_id, attempt.id));
            }
            Err(failed) if failed[0] == 0 => {
                let item = self.table.0[&(keys::named_request(request), String::new())].clone();
                let (_, id) = self.named[&name];
                assert_eq!(item["answer"].as_s().unwrap(), &id.to_string());
                self.count("repeated");
            }
            Err(_) => self.count("not started"),
        }
        self.check(attempt.user_id, &attempt.quiz);
    }

    fn plan_score(&mut self, attempt: Attempt) {
        let (user, quiz) = (attempt.user_id, attempt.quiz.clone());
        let keyed = Arc::clone(&self.versions[&(quiz.clone(), attempt.version)]);
        let state = self.state(user, &quiz);
        let standing =
            |scope| decode_standing(self.table.get(&standing_key(user, &scope))).unwrap();
        let (in_quiz, in_all) = (standing(Scope::Quiz(quiz)), standing(Scope::Global));
        let mut score = score(&attempt, &keyed.published.quiz, &keyed.key, self.now);
        let pass = attempt.certifies(&score, &keyed.published.quiz, state.certificate.as_ref());
        let certificate = pass.map(|pass| Certificate::for_pass(pass, &self.random));
        score.certificate = certificate.as_ref().map(|certificate| certificate.id);
        let read = Read { attempt, state, in_quiz, in_all, keyed };
        let (writes, _) =
            self.store.scoring(&read, &score, certificate.as_ref(), self.now).unwrap();
        assert!(writes.len() <= 20, "{} writes", writes.len());
        self.planned.push(Planned::Score { attempt: read.attempt, writes });
    }

    /// Every invariant, of one user and quiz.
    fn check(&self, user: UserId, quiz: &QuizId) {
        let of_user = self.attempts.iter().filter(|(own, _)| *own == user);
        let mut all: Vec<Attempt> = Vec::new();
        for (_, id) in of_user {
            let item = self.table.get(&keys::attempt(user, *id)).unwrap();
            match self.scored.get(id) {
                Some((attempt, known)) => {
                    assert_eq!(item, *known, "changed after its score");
                    all.push(attempt.clone());
                }
                None => all.push(decode_attempt(item).unwrap()),
            }
        }
        let all: Vec<&Attempt> = all.iter().filter(|attempt| attempt.quiz == *quiz).collect();
        let state = self.state(user, quiz);

        let open: Vec<_> = all.iter().filter(|attempt| attempt.score.is_none()).collect();
        let named = state.open.map(|(id, _)| id);
        assert_eq!(
            open.iter().map(|attempt| attempt.id).collect::<Vec<_>>(),
            Vec::from_iter(named)
        );
        for attempt in &all {
            let is_due = self.table.0.contains_key(&key_of(&keys::due(attempt)));
            assert_eq!(is_due, attempt.score.is_none(), "a deadline of what was scored");
        }

        let scores = all.iter().filter(|attempt| !attempt.is_renewal());
        let best =
            scores.filter_map(|attempt| attempt.score.as_ref()).map(|score| score.share).max();
        assert_eq!(state.best.map(|best| best.share), best, "the best score");
        let standing = self.table.get(&standing_key(user, &Scope::Quiz(quiz.clone())));
        let place = decode_standing(standing).unwrap().all;
        assert_eq!(place.map(|place| place.score.get()), best.map(|best| best.get().into()));
        for (day_of, starts) in &state.starts {
            let on_day = all.iter().filter(|attempt| day(attempt.started_at) == *day_of).count();
            assert_eq!(*starts, on_day as u64);
            assert!(on_day <= usize::from(A_DAY));
        }
        self.check_certificates(&all, &state);
    }

    /// What was scored is what the answers earn, and all of them were in time.
    fn check_score(&self, attempt: &Attempt) {
        let keyed = &self.versions[&(attempt.quiz.clone(), attempt.version)];
        for (question, answer) in &attempt.answers {
            assert!(answer.at < attempt.deadline, "a late answer");
            assert_eq!(answer.given.check(&attempt.asked[question]), Ok(()));
        }
        let found = attempt.score.as_ref().unwrap();
        let again = score(attempt, &keyed.published.quiz, &keyed.key, found.at);
        assert_eq!((again.earned, &again.by_question), (found.earned, &found.by_question));
    }

    fn check_certificates(&self, all: &[&Attempt], state: &QuizState) {
        let certificate = |id: CertificateId| -> Certificate {
            let item = self.table.get(&keys::certificate(id).into_attributes());
            decoded("certificate", without_keys(item.unwrap())).unwrap()
        };
        let mut issued: Vec<Certificate> = Vec::new();
        for attempt in all {
            let Some(id) = attempt.score.as_ref().and_then(|score| score.certificate) else {
                continue;
            };
            let found = certificate(id);
            assert!(attempt.score.as_ref().unwrap().passed);
            assert_eq!((found.attempt, found.version), (Some(attempt.id), attempt.version));
            issued.push(found);
        }
        let newest = state.certificate.as_ref().map(|held| held.id);
        assert_eq!(newest.is_some(), !issued.is_empty());
        assert!(newest.is_none_or(|id| issued.iter().any(|found| found.id == id)));
        let different: BTreeSet<_> = issued.iter().map(|found| found.id).collect();
        assert_eq!(different.len(), issued.len(), "one certificate for two attempts");
    }
}

fn without_keys(mut item: Item) -> Item {
    item.remove("PK");
    item.remove("SK");
    item
}

fn keyed_version(version: Version, gives_certificates: bool, entropy: &Random) -> KeyedVersion {
    let example = include_str!("../../../domain/src/quizzes/example.json");
    let mut json: serde_json::Value = serde_json::from_str(example).unwrap();
    json["rules"]["pass_mark"] = 3_000.into();
    if !gives_certificates {
        json["rules"].as_object_mut().unwrap().remove("certificate");
    }
    let draft: QuizDraft = serde_json::from_value(json).unwrap();
    let publication = draft.publish(entropy).unwrap();
    let published = PublishedVersion {
        version,
        sha256: ContentHash::new([0; 32]),
        published_at: Timestamp::from_unix_millis(0),
        quiz: publication.quiz,
    };
    KeyedVersion { published, key: publication.key }
}

fn right(keyed: &KeyedVersion, question: &minigate_domain::quizzes::QuestionId) -> Given {
    use minigate_domain::quizzes::QuestionKey;
    match keyed.key.of(question).unwrap() {
        QuestionKey::Single(credits) => Given::Choice(credits.keys().next().unwrap().clone()),
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

#[expect(clippy::disallowed_methods, reason = "the length of a simulation")]
fn length(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn simulation_of_attempts() {
    for seed in 1..=length("ATTEMPT_SIMULATION_SEEDS", 5) {
        let mut world = World::new(seed);
        for _ in 0..length("ATTEMPT_SIMULATION_STEPS", 4_000) {
            world.step();
        }
        let done = |what| world.done.get(what).copied().unwrap_or(0);
        let is_lively = ["started", "answered", "refused", "scored", "raced", "died", "repeated"]
            .into_iter()
            .all(|what| done(what) >= 20);
        assert!(
            is_lively && done("swept") > 0 && done("renewed") > 0,
            "seed {seed}: {:?}",
            world.done
        );
    }
}
