//! A table in memory, for tests and simulations.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{Change, Key, Page, Record, Table, TableError};

/// A table in memory, which answers at once and always.
#[derive(Debug, Default)]
pub struct MemoryTable(Mutex<BTreeMap<Key, Record>>);

impl MemoryTable {
    fn records(&self) -> MutexGuard<'_, BTreeMap<Key, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a record, as the transaction of its cause does.
    pub fn put(&self, (key, record): (Key, Record)) {
        self.records().insert(key, record);
    }

    /// Everything in it.
    pub fn all(&self) -> Vec<(Key, Record)> {
        self.records().iter().map(|(key, record)| (key.clone(), record.clone())).collect()
    }

    /// [`Table::due`], at once.
    pub fn due_now(&self, partition: &str, until: &str, after: Option<&str>, limit: u16) -> Page {
        let all = self.records();
        let is_after = |key: &Key| after.is_none_or(|after| key.sort.as_str() > after);
        let mut due = all
            .iter()
            .filter(|(key, _)| key.partition == partition && key.sort.as_str() <= until)
            .filter(|(key, _)| is_after(key))
            .map(|(key, record)| (key.clone(), record.clone()));
        let records: Vec<_> = due.by_ref().take(usize::from(limit)).collect();
        let next = due.next().and(records.last()).map(|(key, _)| key.sort.clone());
        Page { records, malformed: 0, next }
    }

    /// [`Table::replace`], at once.
    pub fn replace_now(&self, key: &Key, seen: &str, record: &Record) -> Change {
        match self.records().get_mut(key) {
            Some(found) if found.token == seen || found.token == record.token => {
                *found = record.clone();
                Change::Made
            }
            _ => Change::Missed,
        }
    }

    /// [`Table::remove`], at once.
    pub fn remove_now(&self, key: &Key, seen: &str) -> Change {
        let mut all = self.records();
        if all.get(key).is_some_and(|found| found.token == seen) {
            all.remove(key);
            return Change::Made;
        }
        Change::Missed
    }

    /// [`Table::shift`], at once.
    pub fn shift_now(&self, from: &Key, seen: &str, to: &Key, record: &Record) -> Change {
        let mut all = self.records();
        let is_there = all.get(from).is_some_and(|found| found.token == seen);
        if !is_there || all.contains_key(to) {
            return Change::Missed;
        }
        all.remove(from);
        all.insert(to.clone(), record.clone());
        Change::Made
    }
}

impl Table for MemoryTable {
    async fn due(
        &self,
        partition: &str,
        until: &str,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Page, TableError> {
        Ok(self.due_now(partition, until, after, limit))
    }

    async fn replace(&self, key: &Key, seen: &str, record: &Record) -> Result<Change, TableError> {
        Ok(self.replace_now(key, seen, record))
    }

    async fn remove(&self, key: &Key, seen: &str) -> Result<Change, TableError> {
        Ok(self.remove_now(key, seen))
    }

    async fn shift(
        &self,
        from: &Key,
        seen: &str,
        to: &Key,
        record: &Record,
    ) -> Result<Change, TableError> {
        Ok(self.shift_now(from, seen, to, record))
    }
}
