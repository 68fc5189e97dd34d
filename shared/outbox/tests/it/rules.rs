//! Each outcome of an attempt, on a table in memory with a clock that the test moves.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use minigate_outbox::{
    Change, Effect, EffectError, Ending, Limits, MAX_BODY_BYTES, MemoryTable, Outbox, Performed,
    Policy, Receiver, Repeat, Report,
};

const WINDOW: Duration = Duration::from_secs(86_400);
const SECOND: Duration = Duration::from_secs(1);

/// Returns the scripted outcomes in turn, and then `Done`.
#[derive(Default)]
struct Scripted {
    answers: Mutex<Vec<Performed>>,
    calls: Mutex<BTreeMap<String, u32>>,
}

impl Scripted {
    fn new(answers: &[Performed]) -> Self {
        let answers = answers.iter().rev().copied().collect();
        Self { answers: Mutex::new(answers), calls: Mutex::default() }
    }

    fn calls(&self) -> u32 {
        self.calls.lock().unwrap().values().sum()
    }
}

impl Receiver for Scripted {
    async fn perform(&self, effect: &Effect) -> Performed {
        *self.calls.lock().unwrap().entry(effect.id.clone()).or_default() += 1;
        self.answers.lock().unwrap().pop().unwrap_or(Performed::Done)
    }
}

type Now = Box<dyn Fn() -> SystemTime + Send + Sync>;

struct Bed {
    now: Arc<AtomicU64>,
    outbox: Outbox<Arc<MemoryTable>, Now>,
    table: Arc<MemoryTable>,
}

impl Bed {
    fn new() -> Self {
        Self::with(Policy { attempts: 3, ..Policy::default() })
    }

    fn with(policy: Policy) -> Self {
        let now = Arc::new(AtomicU64::new(1_760_000_000_000));
        let shown = Arc::clone(&now);
        let clock: Now =
            Box::new(move || UNIX_EPOCH + Duration::from_millis(shown.load(Ordering::Relaxed)));
        let table = Arc::new(MemoryTable::default());
        Self { now, outbox: Outbox::new(Arc::clone(&table), clock, policy, 1), table }
    }

    fn put(&self, id: &str, repeat: Repeat) {
        let effect = Effect::new("lane", id, "body", repeat).unwrap();
        self.table.put(self.outbox.pending(&effect, Duration::ZERO));
    }

    fn advance(&self, duration: Duration) {
        self.now.fetch_add(duration.as_millis() as u64, Ordering::Relaxed);
    }

    async fn drain(&self, receiver: &Scripted) -> Report {
        self.outbox.drain("lane", receiver, &Limits::default()).await
    }

    async fn ended(&self, ending: Ending) -> usize {
        self.outbox.ended("lane", ending, None, 100).await.unwrap().records.len()
    }
}

#[tokio::test]
async fn what_is_done_is_gone() {
    let (bed, receiver) = (Bed::new(), Scripted::default());
    for id in ["a", "b", "c"] {
        bed.put(id, Repeat::Never);
    }
    let report = bed.drain(&receiver).await;
    assert_eq!(report, Report { attempts: 3, performed: 3, ..Report::default() });
    assert!(bed.table.all().is_empty());
    assert_eq!(bed.drain(&receiver).await, Report::default());
}

#[tokio::test]
async fn an_effect_waits_for_its_time() {
    let (bed, receiver) = (Bed::new(), Scripted::default());
    let effect = Effect::new("lane", "a", "", Repeat::Never).unwrap();
    bed.table.put(bed.outbox.pending(&effect, 10 * SECOND));
    bed.advance(9 * SECOND);
    assert_eq!(bed.drain(&receiver).await.attempts, 0);
    bed.advance(SECOND);
    assert_eq!(bed.drain(&receiver).await.performed, 1);
}

#[tokio::test]
async fn what_certainly_did_not_happen_is_tried_again_and_then_parked() {
    for repeat in [Repeat::Never, Repeat::ByKey(WINDOW)] {
        let retry = Performed::Retry { after: SECOND, reason: "server error" };
        let (bed, receiver) = (Bed::new(), Scripted::new(&[retry; 3]));
        bed.put("a", repeat);
        assert_eq!(bed.drain(&receiver).await.retried, 1);
        assert_eq!(bed.drain(&receiver).await.attempts, 0, "it is not due yet");
        bed.advance(Duration::from_secs(30));
        assert_eq!(bed.drain(&receiver).await.retried, 1);
        bed.advance(Duration::from_secs(60));
        assert_eq!(bed.drain(&receiver).await.parked, 1);
        bed.advance(Duration::from_secs(3_600));
        assert_eq!((bed.drain(&receiver).await.attempts, receiver.calls()), (0, 3));

        let parked = bed.outbox.ended("lane", Ending::Parked, None, 10).await.unwrap();
        let (key, record) = &parked.records[0];
        assert_eq!((record.reason.as_str(), record.attempts), ("server error", 3));
        assert_eq!(bed.outbox.requeue(key, record).await, Ok(Change::Made));
        assert_eq!(bed.outbox.requeue(key, record).await, Ok(Change::Missed), "once");
        assert_eq!(bed.drain(&receiver).await.performed, 1);
        assert!(bed.table.all().is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_repeated_with_the_key_or_not_at_all() {
    let lost = Performed::Unanswered { reason: "timeout" };
    let (bed, receiver) = (Bed::new(), Scripted::new(&[lost]));
    bed.put("a", Repeat::ByKey(WINDOW));
    assert_eq!(bed.drain(&receiver).await.retried, 1);
    bed.advance(Duration::from_secs(30));
    assert_eq!(bed.drain(&receiver).await.performed, 1);

    let (bed, receiver) = (Bed::new(), Scripted::new(&[lost]));
    bed.put("a", Repeat::Never);
    assert_eq!(bed.drain(&receiver).await.unknown, 1);
    bed.advance(WINDOW);
    assert_eq!((bed.drain(&receiver).await.attempts, receiver.calls()), (0, 1));
    assert_eq!((bed.ended(Ending::Unknown).await, bed.ended(Ending::Parked).await), (1, 0));
}

#[tokio::test]
async fn a_key_that_the_receiver_may_have_forgotten_is_not_repeated() {
    let lost = Performed::Unanswered { reason: "timeout" };
    let (bed, receiver) = (Bed::new(), Scripted::new(&[lost]));
    bed.put("a", Repeat::ByKey(10 * SECOND));
    assert_eq!(bed.drain(&receiver).await.retried, 1);
    bed.advance(30 * SECOND);
    assert_eq!(bed.drain(&receiver).await.unknown, 1);
    assert_eq!(receiver.calls(), 1);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let refused = Performed::Refused { reason: "blocked by the user" };
    let (bed, receiver) = (Bed::new(), Scripted::new(&[refused]));
    bed.put("a", Repeat::Never);
    assert_eq!(bed.drain(&receiver).await.parked, 1);
    assert_eq!(bed.ended(Ending::Parked).await, 1);
}

#[tokio::test]
async fn a_busy_receiver_is_left_alone_and_costs_no_attempt() {
    let busy = Performed::Busy { after: 7 * SECOND };
    let (bed, receiver) = (Bed::new(), Scripted::new(&[busy; 5]));
    bed.put("a", Repeat::Never);
    for _ in 0..5 {
        let report = bed.drain(&receiver).await;
        assert_eq!((report.busy, report.retried, report.has_more), (Some(7 * SECOND), 1, true));
        bed.advance(7 * SECOND);
    }
    assert_eq!(bed.drain(&receiver).await.performed, 1, "more often than there are attempts");
}

#[tokio::test]
async fn a_drain_ends_at_its_limits_and_says_so() {
    let (bed, receiver) =
        (Bed::with(Policy { shards: 1, ..Policy::default() }), Scripted::default());
    for id in 0..120 {
        bed.put(&format!("effect-{id}"), Repeat::Never);
    }
    let limits = Limits { attempts: 70, at_once: 1, ..Limits::default() };
    let report = bed.outbox.drain("lane", &receiver, &limits).await;
    assert_eq!((report.performed, report.has_more), (70, true));
    let limits = Limits { time: Duration::ZERO, ..limits };
    let report = bed.outbox.drain("lane", &receiver, &limits).await;
    assert_eq!((report.performed, report.has_more), (0, true));
    let report = bed.drain(&receiver).await;
    assert_eq!((report.performed, report.has_more), (50, false));
}

#[test]
fn effects_that_cannot_be_stored_are_refused() {
    let effect = |lane: &str, id: &str, bytes: usize| {
        Effect::new(lane, id, "x".repeat(bytes), Repeat::Never).map(drop)
    };
    assert_eq!(effect("lane-1", "!~", MAX_BODY_BYTES), Ok(()));
    for lane in ["", "Lane", "a#b", "a b"] {
        assert_eq!(effect(lane, "id", 0), Err(EffectError::Lane), "{lane}");
    }
    for id in ["", "a b", "é", &"x".repeat(257)] {
        assert_eq!(effect("lane", id, 0), Err(EffectError::Id), "{id}");
    }
    let error = effect("lane", "id", MAX_BODY_BYTES + 1);
    assert_eq!(error, Err(EffectError::Body(MAX_BODY_BYTES + 1)));
}
