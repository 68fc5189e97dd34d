//! The interface of a store.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Mutex, PoisonError},
};

use crate::update::{Cell, Image, Outcome, Update};

/// Why the store failed. The limiter then applies the policy, and never reports this as a refusal.
#[derive(Debug, thiserror::Error)]
#[error("the limiter's table did not answer {operation}: {reason}")]
pub struct TableError {
    /// The operation.
    pub operation: &'static str,
    /// The error code or the kind of failure, without keys.
    pub reason: String,
}

/// A store of small items with conditional updates.
///
/// An implementation makes one attempt with a short timeout: a retry may take units twice, and the limiter
/// handles a slow store itself.
pub trait Table: Send + Sync {
    /// Performs [`Update::apply`] atomically.
    fn update(&self, update: &Update) -> impl Future<Output = Result<Outcome, TableError>> + Send;

    /// Reads cells of an item, with a consistent read.
    fn read(
        &self,
        key: &str,
        attributes: &[&str],
    ) -> impl Future<Output = Result<Image, TableError>> + Send;

    /// Deletes an item.
    fn remove(&self, key: &str) -> impl Future<Output = Result<(), TableError>> + Send;
}

/// A table in memory, for tests and for single-process services. It never evicts.
#[derive(Debug, Default)]
pub struct MemoryTable(Mutex<HashMap<String, Item>>);

#[derive(Debug, Default)]
struct Item {
    cells: HashMap<String, Cell>,
    refunded_at: Option<i64>,
}

impl Item {
    fn image<'a>(&self, attributes: impl Iterator<Item = &'a str>) -> Image {
        let cells = attributes.map(|name| self.cells.get(name).copied().unwrap_or_default());
        Image { cells: cells.collect(), refunded_at: self.refunded_at }
    }
}

impl MemoryTable {
    /// Does an update at once.
    pub fn update_now(&self, update: &Update) -> Outcome {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let item = items.entry(update.key.clone()).or_default();
        let found = item.image(update.cells.iter().map(|cell| cell.attribute.as_str()));
        let outcome = update.apply(&found);
        if let Outcome::Updated(image) = &outcome {
            for (update, cell) in update.cells.iter().zip(&image.cells) {
                item.cells.insert(update.attribute.clone(), *cell);
            }
            item.refunded_at = image.refunded_at;
        }
        outcome
    }

    /// Reads at once.
    pub fn read_now(&self, key: &str, attributes: &[&str]) -> Image {
        let items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names = attributes.iter().copied();
        items
            .get(key)
            .map_or_else(|| Item::default().image(names.clone()), |i| i.image(names.clone()))
    }

    /// Removes at once.
    pub fn remove_now(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl Table for MemoryTable {
    async fn update(&self, update: &Update) -> Result<Outcome, TableError> {
        Ok(self.update_now(update))
    }

    async fn read(&self, key: &str, attributes: &[&str]) -> Result<Image, TableError> {
        Ok(self.read_now(key, attributes))
    }

    async fn remove(&self, key: &str) -> Result<(), TableError> {
        self.remove_now(key);
        Ok(())
    }
}

impl<T: Table> Table for std::sync::Arc<T> {
    fn update(&self, update: &Update) -> impl Future<Output = Result<Outcome, TableError>> + Send {
        (**self).update(update)
    }

    fn read(
        &self,
        key: &str,
        attributes: &[&str],
    ) -> impl Future<Output = Result<Image, TableError>> + Send {
        (**self).read(key, attributes)
    }

    fn remove(&self, key: &str) -> impl Future<Output = Result<(), TableError>> + Send {
        (**self).remove(key)
    }
}
