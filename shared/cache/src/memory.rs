//! A second level in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::level::{Answer, Claim, Consistency, Item, Lease, Overwrite, SecondLevel};

/// A second level in the memory of the process, for tests and for single-process services without a table. It
/// never evicts.
#[derive(Debug, Default)]
pub struct MemoryLevel(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    items: HashMap<String, Item>,
    stamps: HashMap<String, i64>,
    leases: HashMap<String, Held>,
}

#[derive(Debug)]
struct Held {
    owner: String,
    started: i64,
    until: i64,
}

impl MemoryLevel {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a raw item unconditionally.
    pub fn put(&self, key: &str, item: Item) {
        self.lock().items.insert(key.to_owned(), item);
    }

    /// The raw item.
    pub fn item(&self, key: &str) -> Option<Item> {
        self.lock().items.get(key).cloned()
    }

    fn write_now(&self, key: &str, item: &Item, overwrite: Overwrite) -> bool {
        let mut inner = self.lock();
        let may_write = match (inner.items.get(key), overwrite) {
            (Some(found), Overwrite::IfOlder { believed_until }) => {
                found.started < item.started || found.started > believed_until
            }
            _ => true,
        };
        if may_write {
            inner.items.insert(key.to_owned(), item.clone());
        }
        may_write
    }

    fn take_lease_now(&self, key: &str, lease: &Lease) -> Claim {
        let mut inner = self.lock();
        if let Some(held) = inner.leases.get(key)
            && held.owner != lease.owner
            && held.until >= lease.now
            && held.started > lease.floor
        {
            return Claim::Held { until: held.until };
        }
        let held = Held { owner: lease.owner.clone(), started: lease.now, until: lease.until };
        inner.leases.insert(key.to_owned(), held);
        Claim::Taken
    }
}

impl SecondLevel for MemoryLevel {
    fn read<'a>(&'a self, key: &'a str, _: Consistency) -> Answer<'a, Option<Item>> {
        Box::pin(async move { Ok(self.item(key)) })
    }

    fn write<'a>(&'a self, key: &'a str, item: &'a Item, overwrite: Overwrite) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.write_now(key, item, overwrite)) })
    }

    fn read_stamps<'a>(&'a self, keys: &'a [&'a str]) -> Answer<'a, Vec<Option<i64>>> {
        Box::pin(async move {
            let inner = self.lock();
            Ok(keys.iter().map(|key| inner.stamps.get(*key).copied()).collect())
        })
    }

    fn raise_stamp<'a>(&'a self, key: &'a str, stamp: i64, _: i64) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut inner = self.lock();
            let found = inner.stamps.entry(key.to_owned()).or_insert(stamp);
            *found = stamp.max(*found);
            Ok(())
        })
    }

    fn take_lease<'a>(&'a self, key: &'a str, lease: &'a Lease) -> Answer<'a, Claim> {
        Box::pin(async move { Ok(self.take_lease_now(key, lease)) })
    }

    fn release_lease<'a>(&'a self, key: &'a str, owner: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut inner = self.lock();
            if inner.leases.get(key).is_some_and(|held| held.owner == owner) {
                inner.leases.remove(key);
            }
            Ok(())
        })
    }
}

impl<L: SecondLevel> SecondLevel for std::sync::Arc<L> {
    fn read<'a>(&'a self, key: &'a str, consistency: Consistency) -> Answer<'a, Option<Item>> {
        (**self).read(key, consistency)
    }

    fn write<'a>(&'a self, key: &'a str, item: &'a Item, overwrite: Overwrite) -> Answer<'a, bool> {
        (**self).write(key, item, overwrite)
    }

    fn read_stamps<'a>(&'a self, keys: &'a [&'a str]) -> Answer<'a, Vec<Option<i64>>> {
        (**self).read_stamps(keys)
    }

    fn raise_stamp<'a>(&'a self, key: &'a str, stamp: i64, expires: i64) -> Answer<'a, ()> {
        (**self).raise_stamp(key, stamp, expires)
    }

    fn take_lease<'a>(&'a self, key: &'a str, lease: &'a Lease) -> Answer<'a, Claim> {
        (**self).take_lease(key, lease)
    }

    fn release_lease<'a>(&'a self, key: &'a str, owner: &'a str) -> Answer<'a, ()> {
        (**self).release_lease(key, owner)
    }
}
