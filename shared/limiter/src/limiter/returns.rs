//! Units on their way back to the table.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use super::{Limiter, inner::expiry};
use crate::{
    Policy, Table,
    memory::{Batch, Return},
    update::{CellUpdate, Outcome, Update},
};

/// Calls made side by side when many leases are given back.
const RETURNS_AT_ONCE: usize = 16;

impl<T: Table> Limiter<T> {
    pub(super) async fn release(&self, idle_for: impl Fn(&Policy, &Batch) -> i64) {
        let now = self.clock.unix_micros();
        let returns = self.with(|inner| inner.memory.take_idle(now, idle_for, &mut inner.metrics));
        self.give_back(returns).await;
    }

    /// Gives units back to the table, one call per item, or two if others use it as well.
    pub(super) async fn give_back(&self, mut returns: Vec<Return>) {
        let mut items: Vec<Vec<Return>> = Vec::new();
        while let Some(next) = returns.pop() {
            let same = items.iter_mut().find(|item| item[0].item == next.item);
            match same {
                Some(item) => item.push(next),
                None => items.push(vec![next]),
            }
        }
        for chunk in items.chunks(RETURNS_AT_ONCE) {
            join_all(chunk.iter().map(|item| self.give_back_item(item))).await;
        }
    }

    pub(super) async fn give_back_item(&self, returns: &[Return]) {
        for is_untouched in [true, false] {
            let now = self.clock.unix_micros();
            let Some(update) = refund_update(returns, now, is_untouched) else { continue };
            if self.with(|inner| now < inner.paused_until) {
                break;
            }
            let outcome = self.table.update(&update).await;
            let now = self.clock.unix_micros();
            self.with(|inner| {
                inner.count_call(now, outcome.is_ok());
                if let Ok(Outcome::Updated(image)) = &outcome {
                    inner.returned(returns, &update, &image.cells, now);
                }
            });
            match outcome {
                Ok(Outcome::Updated(_)) => return,
                Ok(Outcome::Refused(_)) => {}
                // It may have happened: repeating it could give back twice.
                Err(_) => break,
            }
        }
        let units: i64 = returns.iter().map(|one| one.batch.units).sum();
        self.with(|inner| inner.metrics.wasted_units += units.unsigned_abs());
    }
}

fn refund_update(returns: &[Return], now: i64, is_untouched: bool) -> Option<Update> {
    let item = &returns.first()?.item;
    let mut cells: Vec<CellUpdate> = Vec::new();
    for one in returns {
        let (rules, batch) = (&one.policy.0, &one.batch);
        let attribute = &rules.attribute;
        if cells.iter().any(|cell| cell.attribute == *attribute) {
            // A second batch of one cell is left to expire: it is what others' weights left over.
            continue;
        }
        let shape = rules.meter.refund(now, batch.units, batch.taken_at, batch.after, is_untouched);
        if let Some(shape) = shape {
            let (condition, change, flag) = (shape.condition, shape.change, shape.flag);
            cells.push(CellUpdate { attribute: attribute.clone(), condition, change, flag });
        }
    }
    let key = item.in_table();
    (!cells.is_empty()).then(|| Update {
        key,
        cells,
        expires_at: expiry(item, now),
        refund_stamp: Some(now),
    })
}

/// Runs futures side by side on this task.
async fn join_all<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    let mut futures: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
