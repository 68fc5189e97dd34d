//! When the moves that wait in a lane are counted.
//!
//! Beside the request that has made them; but one instance folds a lane at most once a second, so that
//! while many finish, a fold counts several moves. Whatever had to wait is counted a second later. Should
//! Lambda have frozen the process by then, that is beside its next request; should the process have died, the
//! next fold of the lane counts it, by whichever instance, and readers [sweep](Folding::sweep) once a minute.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use minigate_domain::{
    Clock, Timestamp,
    leaderboards::{Lane, Scope, ScopeLane},
};
use minigate_store::{Store, leaderboards::FoldOutcome};

use crate::Background;

/// How long after a fold of a lane begins an instance begins no other one.
const PAUSE: Duration = Duration::from_secs(1);
/// How often an instance looks into all lanes of a scope that is read.
const SWEEP: Duration = Duration::from_secs(60);
/// How many transactions a fold makes one after another. What is left is counted a second later.
const ROUNDS: usize = 8;
/// More lanes than an instance sees within a minute.
const REMEMBERED: usize = 4_096;

/// The lanes that this instance folds. Clones share them.
#[derive(Clone)]
pub(super) struct Folding {
    lanes: Arc<Mutex<HashMap<ScopeLane, State>>>,
    swept: Arc<Mutex<HashMap<Scope, Timestamp>>>,
    store: Store,
    clock: Arc<dyn Clock>,
    background: Background,
}

/// What is known of a lane.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// When the last fold began.
    begun: Option<Timestamp>,
    is_running: bool,
    /// Whether moves wait that no fold has been begun for.
    is_due: bool,
}

impl State {
    fn may_begin(&self, now: Timestamp) -> bool {
        // Where the clock was set back, it begins too.
        let is_over = |begun: Timestamp| now < begun || now.since(begun) >= PAUSE;
        self.is_due && !self.is_running && self.begun.is_none_or(is_over)
    }
}

impl Folding {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>, background: Background) -> Self {
        let (lanes, swept) = Default::default();
        Self { lanes, swept, store, clock, background }
    }

    /// Has what waits in these lanes counted soon, and in all others that have been waiting for a second.
    pub(super) fn fold(&self, waiting: impl IntoIterator<Item = ScopeLane>) {
        let now = self.clock.now();
        let (begin, is_any_left) = {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            for lane in waiting {
                lanes.entry(lane).or_default().is_due = true;
            }
            let mut begin = Vec::new();
            for (lane, state) in lanes.iter_mut().filter(|(_, state)| state.may_begin(now)) {
                *state = State { begun: Some(now), is_running: true, is_due: false };
                begin.push(lane.clone());
            }
            if lanes.len() > REMEMBERED {
                lanes.retain(|_, state| state.is_due || state.is_running);
            }
            (begin, lanes.values().any(|state| state.is_due))
        };
        for lane in begin {
            let folding = self.clone();
            self.background.start(async move { folding.run(lane).await });
        }
        if is_any_left {
            self.fold_later();
        }
    }

    /// Only the fold is registered as work of a request: Lambda need not wait for the pause.
    fn fold_later(&self) {
        let folding = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(PAUSE).await;
            folding.fold([]);
        });
    }

    /// Looks into all lanes of a scope, if that was not done within a minute.
    pub(super) fn sweep(&self, scope: &Scope) {
        let now = self.clock.now();
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.get(scope).is_some_and(|last| *last <= now && now.since(*last) < SWEEP) {
                return;
            }
            if swept.len() > REMEMBERED {
                swept.clear();
            }
            swept.insert(scope.clone(), now);
        }
        self.fold(Lane::all().map(|lane| ScopeLane { scope: scope.clone(), lane }));
    }

    async fn run(&self, lane: ScopeLane) {
        let mut is_left = true;
        for _ in 0..ROUNDS {
            match self.store.fold(&lane).await {
                Ok(FoldOutcome::CountedSome(_)) => {}
                // Whoever was faster may have read before our moves were there.
                Ok(FoldOutcome::Raced) => break,
                Ok(FoldOutcome::Idle | FoldOutcome::Counted(_)) => {
                    is_left = false;
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "moves on a leaderboard wait to be counted");
                    break;
                }
            }
        }
        let is_due = {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            let state = lanes.entry(lane).or_default();
            state.is_running = false;
            state.is_due |= is_left;
            state.is_due
        };
        if is_due {
            self.fold_later();
        }
    }
}
