//! Clock, table and network as an instance of the simulation meets them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    task::{Poll, Wake, Waker},
};

use minigate_limiter::{
    Clock, MemoryTable, Table, TableError,
    update::{Image, Outcome, Update},
};

use super::Network;

pub(super) struct SimulatedClock {
    pub(super) now: Arc<AtomicI64>,
    pub(super) skew: i64,
}

impl Clock for SimulatedClock {
    fn unix_micros(&self) -> i64 {
        self.now.load(Ordering::Relaxed) + self.skew
    }
}

pub(super) type Answer = Result<Outcome, TableError>;

#[derive(Default)]
pub(super) struct Wire {
    pub(super) calls: u64,
    pub(super) outbox: Vec<(u64, Update)>,
    pub(super) answers: HashMap<u64, Option<Answer>>,
    pub(super) wakers: HashMap<u64, Waker>,
}

/// The table as an instance reaches it.
#[derive(Clone)]
pub(super) struct SimulatedTable {
    pub(super) network: Network,
    pub(super) table: Arc<MemoryTable>,
    pub(super) wire: Arc<Mutex<Wire>>,
}

impl Table for SimulatedTable {
    async fn update(&self, update: &Update) -> Answer {
        if self.network == Network::Instant {
            return Ok(self.table.update_now(update));
        }
        let id = {
            let mut wire = self.wire.lock().unwrap();
            wire.calls += 1;
            let id = wire.calls;
            wire.outbox.push((id, update.clone()));
            wire.answers.insert(id, None);
            id
        };
        std::future::poll_fn(move |context| {
            let mut wire = self.wire.lock().unwrap();
            match wire.answers.get_mut(&id).and_then(Option::take) {
                Some(answer) => {
                    wire.answers.remove(&id);
                    Poll::Ready(answer)
                }
                None => {
                    wire.wakers.insert(id, context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    async fn read(&self, key: &str, attributes: &[&str]) -> Result<Image, TableError> {
        Ok(self.table.read_now(key, attributes))
    }

    async fn remove(&self, key: &str) -> Result<(), TableError> {
        self.table.remove_now(key);
        Ok(())
    }
}

pub(super) struct TaskWaker {
    pub(super) task: u64,
    pub(super) woken: Arc<Mutex<Vec<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap().push(self.task);
    }
}
