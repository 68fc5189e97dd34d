//! Draining: claim, perform, write what came of it.

use std::{
    future::Future,
    ops::ControlFlow::{self, Break, Continue},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};

use crate::{
    Change, Clock, Effect, Ending, Key, Page, Policy, Record, Repeat, Table, TableError,
    policy::millis,
    random::Random,
    record::{Step, due_until, ended_partition, partition, pending_key},
};

/// Records of one query.
const PAGE: u16 = 50;
/// The most bytes of a reason that are kept.
const REASON_BYTES: usize = 100;
/// The end of time for sort keys, which have 13 digits.
const LAST_MILLIS: u64 = 9_999_999_999_999;

/// What performs effects: a client of the outside.
pub trait Receiver: Sync {
    /// Performs an effect: one attempt, which ends within the [lease](Policy::lease). For
    /// [`Repeat::Never`] the client that sends it must not retry by itself.
    fn perform(&self, effect: &Effect) -> impl Future<Output = Performed> + Send;
}

/// What came of an attempt.
///
/// It must be right about what is certain: whoever says [`Retry`](Self::Retry) or [`Busy`](Self::Busy)
/// of something that happened makes it happen twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Performed {
    /// It has happened.
    Done,
    /// It certainly has not happened, and may if tried again.
    Retry {
        /// Not before this; the policy's wait if that is longer.
        after: Duration,
        /// A word for people. Nothing secret or personal.
        reason: &'static str,
    },
    /// It certainly has not happened, because the receiver takes no more for now. It counts as no
    /// attempt, and ends the present [`Outbox::drain`].
    Busy {
        /// Not before this.
        after: Duration,
    },
    /// It certainly has not happened and never will: the receiver refuses it.
    Refused {
        /// A word for people. Nothing secret or personal.
        reason: &'static str,
    },
    /// Nobody knows: there was no answer.
    Unanswered {
        /// A word for people. Nothing secret or personal.
        reason: &'static str,
    },
}

/// How much one [`Outbox::drain`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attempts at most; a few more if several run at once.
    pub attempts: usize,
    /// Attempts at the same time.
    pub at_once: usize,
    /// How long new attempts are begun. Those under way are waited for.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { attempts: 1_000, at_once: 16, time: Duration::from_secs(20) }
    }
}

/// What a drain did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Attempts.
    pub attempts: usize,
    /// Effects that have happened.
    pub performed: usize,
    /// Effects that are tried again later.
    pub retried: usize,
    /// Effects that ended as [`Ending::Parked`].
    pub parked: usize,
    /// Effects that ended as [`Ending::Unknown`].
    pub unknown: usize,
    /// Effects that another worker has or was faster to take.
    pub contended: usize,
    /// Calls of the table without an answer.
    pub table_errors: usize,
    /// Items that do not decode. They stay where they are.
    pub malformed: usize,
    /// Whether something that is due may have been left for the next drain.
    pub has_more: bool,
    /// How long the receiver wants to be left alone.
    pub busy: Option<Duration>,
}

/// The outbox of a deployment, on one table. A worker has one; so has whoever writes effects.
#[derive(Debug)]
pub struct Outbox<T, C> {
    table: T,
    clock: C,
    policy: Policy,
    random: Random,
}

impl<T: Table, C: Clock> Outbox<T, C> {
    /// An outbox on this table. Makes no call. The seed must differ from process to process.
    pub const fn new(table: T, clock: C, policy: Policy, seed: u64) -> Self {
        Self { table, clock, policy, random: Random::new(seed) }
    }

    /// The key and record of an effect that is due after this time, to be put in the transaction of its
    /// cause: see [`DynamoTable::put`](crate::DynamoTable::put).
    pub fn pending(&self, effect: &Effect, after: Duration) -> (Key, Record) {
        let now = self.clock.unix_millis();
        let key =
            pending_key(effect, &self.policy, now.saturating_add(millis(after)).min(LAST_MILLIS));
        (key, Record::pending(effect, now, self.random.token()))
    }

    /// Performs what is due in a lane, within the limits. Any number of workers may do so at once.
    ///
    /// A call of the table that fails ends it early and is counted; what is left is found again, by the
    /// next drain or when a lease ends.
    pub async fn drain<R: Receiver>(&self, lane: &str, receiver: &R, limits: &Limits) -> Report {
        let drain = Drain {
            outbox: self,
            receiver,
            limits,
            end: self.clock.unix_millis().saturating_add(millis(limits.time)),
            is_over: AtomicBool::new(false),
            report: Mutex::default(),
        };
        let shards = self.policy.shards.max(1);
        // Workers that begin at different shards get in each other's way less.
        let first = self.random.next();
        for index in 0..u64::from(shards) {
            let shard = u8::try_from(first.wrapping_add(index) % u64::from(shards));
            if drain.shard(&partition(lane, shard.unwrap_or_default())).await.is_break() {
                drain.count(|report| report.has_more = true);
                break;
            }
        }
        let was_stopped = drain.is_over.load(Ordering::Relaxed);
        drain.count(|report| report.has_more |= was_stopped);
        drain.report.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Effects of a lane that ended without having happened for certain, the oldest first.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn ended(
        &self,
        lane: &str,
        ending: Ending,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Page, TableError> {
        self.table.due(&ended_partition(lane, ending), &due_until(LAST_MILLIS), after, limit).await
    }

    /// Puts back an effect that [`ended`](Self::ended) listed: it is due now, with all its attempts. Who
    /// does so with an unknown one decides that it may happen twice.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn requeue(&self, key: &Key, record: &Record) -> Result<Change, TableError> {
        let (to, fresh) = self.pending(&record.effect, Duration::ZERO);
        self.table.shift(key, &record.token, &to, &fresh).await
    }
}

/// One call of [`Outbox::drain`].
struct Drain<'a, T, C, R> {
    outbox: &'a Outbox<T, C>,
    receiver: &'a R,
    limits: &'a Limits,
    end: u64,
    /// Whether the table or the receiver has said that it is enough.
    is_over: AtomicBool,
    report: Mutex<Report>,
}

impl<T: Table, C: Clock, R: Receiver> Drain<'_, T, C, R> {
    /// Works through what is due in a partition.
    async fn shard(&self, partition: &str) -> ControlFlow<()> {
        let until = due_until(self.outbox.clock.unix_millis());
        let mut after: Option<String> = None;
        loop {
            if self.is_enough() {
                return Break(());
            }
            let due = self.outbox.table.due(partition, &until, after.as_deref(), PAGE).await;
            let Some(page) = self.answered(due) else { return Break(()) };
            self.count(|report| report.malformed += page.malformed);
            let works = page.records.into_iter().map(|(key, record)| self.attend(key, record));
            let at_once = self.limits.at_once.max(1);
            let stopped = stream::iter(works)
                .buffer_unordered(at_once)
                .any(|worked| async move { worked.is_break() });
            if stopped.await {
                return Break(());
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Continue(()),
            }
        }
    }

    fn is_enough(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
            || self.outbox.clock.unix_millis() >= self.end
            || self.report().attempts >= self.limits.attempts
    }

    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.report());
    }

    /// The answer of the table. Without one, the drain is over.
    fn answered<A>(&self, answer: Result<A, TableError>) -> Option<A> {
        if answer.is_err() {
            self.is_over.store(true, Ordering::Relaxed);
            self.count(|report| report.table_errors += 1);
        }
        answer.ok()
    }

    async fn attend(&self, key: Key, record: Record) -> ControlFlow<()> {
        if self.is_enough() {
            return Break(());
        }
        self.work(&key, &record).await;
        Continue(())
    }

    async fn work(&self, key: &Key, record: &Record) {
        let now = self.outbox.clock.unix_millis();
        match record.step(&self.outbox.policy, now) {
            Step::Leave => self.count(|report| report.contended += 1),
            Step::End(ending) => self.end(key, record, record.clone(), ending).await,
            Step::Claim => {
                let token = self.outbox.random.token();
                let claimed = record.claimed(&self.outbox.policy, now, token);
                match self.outbox.table.replace(key, &record.token, &claimed).await {
                    Ok(Change::Made) => self.perform(key, claimed).await,
                    Ok(Change::Missed) => self.count(|report| report.contended += 1),
                    Err(error) => {
                        self.answered::<()>(Err(error));
                        // If the claim went through, the effect is free again at once, and not in doubt:
                        // nobody has begun it.
                        let token = self.outbox.random.token();
                        let free = Record { token, ..record.clone() };
                        let freed = self.outbox.table.replace(key, &claimed.token, &free).await;
                        self.answered(freed);
                    }
                }
            }
        }
    }

    async fn perform(&self, key: &Key, claimed: Record) {
        self.count(|report| report.attempts += 1);
        let performed = self.receiver.perform(&claimed.effect).await;
        let token = self.outbox.random.token();
        match performed {
            Performed::Done => self.done(key, &claimed).await,
            Performed::Busy { after } => {
                self.is_over.store(true, Ordering::Relaxed);
                self.count(|report| report.busy = report.busy.max(Some(after)));
                let free = claimed.released(false, "busy", token);
                let free = Record { attempts: claimed.attempts.saturating_sub(1), ..free };
                self.later(key, &claimed, free, millis(after)).await;
            }
            Performed::Retry { after, reason } => {
                let free = claimed.released(false, clipped(reason), token);
                self.again(key, &claimed, free, millis(after)).await;
            }
            Performed::Refused { reason } => {
                let refused = claimed.released(false, clipped(reason), token);
                let ending = refused.ending();
                self.end(key, &claimed, refused, ending).await;
            }
            Performed::Unanswered { reason } => {
                let doubtful = claimed.released(true, clipped(reason), token);
                match doubtful.effect.repeat {
                    Repeat::Never => self.end(key, &claimed, doubtful, Ending::Unknown).await,
                    Repeat::ByKey(_) => self.again(key, &claimed, doubtful, 0).await,
                }
            }
        }
    }

    async fn done(&self, key: &Key, claimed: &Record) {
        self.count(|report| report.performed += 1);
        let table = &self.outbox.table;
        // Twice: an effect that stays though it happened may end as unknown.
        for _ in 0..2 {
            match table.remove(key, &claimed.token).await {
                Ok(Change::Made) => return,
                Ok(Change::Missed) => {
                    // The lease was over. If another worker gave the effect up, it did so too early.
                    let ended = Key {
                        partition: ended_partition(&claimed.effect.lane, Ending::Unknown),
                        sort: key.sort.clone(),
                    };
                    let removed = table.remove(&ended, &claimed.token).await;
                    self.answered(removed);
                    return;
                }
                Err(error) => {
                    self.answered::<()>(Err(error));
                }
            }
        }
    }

    /// One attempt less, and a wait; or the end, where none is left.
    async fn again(&self, key: &Key, claimed: &Record, free: Record, at_least: u64) {
        let policy = &self.outbox.policy;
        if free.attempts >= policy.attempts {
            let ending = free.ending();
            return self.end(key, claimed, free, ending).await;
        }
        let wait = policy.wait_millis(free.attempts, self.outbox.random.next());
        self.later(key, claimed, free, wait.max(at_least)).await;
    }

    /// Moves a record to when it is due again.
    async fn later(&self, key: &Key, claimed: &Record, free: Record, wait: u64) {
        let due = self.outbox.clock.unix_millis().saturating_add(wait.max(1)).min(LAST_MILLIS);
        let to = pending_key(&free.effect, &self.outbox.policy, due);
        let table = &self.outbox.table;
        let moved = if to == *key {
            table.replace(key, &claimed.token, &free).await
        } else {
            table.shift(key, &claimed.token, &to, &free).await
        };
        match self.answered(moved) {
            Some(Change::Made) => self.count(|report| report.retried += 1),
            Some(Change::Missed) => self.count(|report| report.contended += 1),
            None => {}
        }
    }

    async fn end(&self, key: &Key, seen: &Record, ended: Record, ending: Ending) {
        let to =
            Key { partition: ended_partition(&ended.effect.lane, ending), sort: key.sort.clone() };
        let moved = self.outbox.table.shift(key, &seen.token, &to, &ended).await;
        match (self.answered(moved), ending) {
            (Some(Change::Made), Ending::Parked) => self.count(|report| report.parked += 1),
            (Some(Change::Made), Ending::Unknown) => self.count(|report| report.unknown += 1),
            (Some(Change::Missed), _) => self.count(|report| report.contended += 1),
            (None, _) => {}
        }
    }
}

fn clipped(reason: &str) -> &str {
    let end = (0..=reason.len().min(REASON_BYTES)).rev().find(|end| reason.is_char_boundary(*end));
    &reason[..end.unwrap_or_default()]
}
