//! What one instance remembers: a bounded map that forgets the oldest entry first.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Values that never change, by key.
pub(super) struct Memory<K, V> {
    entries: Mutex<Entries<K, V>>,
    most: usize,
}

struct Entries<K, V> {
    by_key: HashMap<K, V>,
    oldest_first: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V: Clone> Memory<K, V> {
    pub(super) fn new(most: usize) -> Self {
        let entries = Entries { by_key: HashMap::new(), oldest_first: VecDeque::new() };
        Self { entries: Mutex::new(entries), most }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.lock().by_key.get(key).cloned()
    }

    pub(super) fn put(&self, key: K, value: V) {
        let mut entries = self.lock();
        if entries.by_key.insert(key.clone(), value).is_some() {
            return;
        }
        entries.oldest_first.push_back(key);
        if entries.oldest_first.len() > self.most
            && let Some(oldest) = entries.oldest_first.pop_front()
        {
            entries.by_key.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn the_oldest_entry_is_forgotten_first() {
        let memory = Memory::new(2);
        for key in [1, 2, 1, 3] {
            memory.put(key, key * 10);
        }
        assert_eq!([1, 2, 3].map(|key| memory.get(&key)), [None, Some(20), Some(30)]);
    }
}
