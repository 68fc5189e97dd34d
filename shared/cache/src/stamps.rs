//! When each tag was last invalidated, as far as this process knows.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicI64, Ordering},
    },
};

use crate::Tag;

const NEVER: i64 = i64::MIN;
/// Tags that nobody holds any more are forgotten when there are this many, and twice as many as
/// were left the last time.
const LEAST_PURGE: usize = 1024;
/// So many tags that this process invalidated are held, for loads that were under way.
const RECENT: usize = 1024;

/// What is known of a tag. Shared by all entries that carry it.
#[derive(Debug)]
pub(crate) struct TagState {
    pub(crate) key: Arc<str>,
    /// The newest stamp seen.
    stamp: AtomicI64,
    /// When the read began that brought it, by this process's clock.
    read_at: AtomicI64,
    /// Held by whoever reads it, so that a crowd asks once.
    pub(crate) reading: tokio::sync::Mutex<()>,
}

impl TagState {
    fn new(key: Arc<str>) -> Self {
        Self {
            key,
            stamp: AtomicI64::new(NEVER),
            read_at: AtomicI64::new(NEVER),
            reading: tokio::sync::Mutex::new(()),
        }
    }

    /// What a read that began at `read_at` found.
    pub(crate) fn learn(&self, stamp: Option<i64>, read_at: i64) {
        self.raise(stamp.unwrap_or(NEVER));
        // After the stamp: who sees the time sees the stamp.
        self.read_at.store(read_at, Ordering::Release);
    }

    /// A stamp that this process wrote, or tried to.
    fn raise(&self, stamp: i64) {
        self.stamp.fetch_max(stamp, Ordering::AcqRel);
    }

    /// Whether what is known was read within `window` before `now`.
    pub(crate) fn is_known(&self, now: i64, window: i64) -> bool {
        let read_at = self.read_at.load(Ordering::Acquire);
        // A clock that was set back makes it unknown.
        read_at != NEVER && now >= read_at && now - read_at < window
    }

    pub(crate) fn stamp(&self) -> i64 {
        self.stamp.load(Ordering::Acquire)
    }
}

/// What the tags say of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Valid,
    /// Only a load that begins after this time counts.
    Invalidated {
        floor: i64,
    },
    /// The second level has to be asked.
    Unknown,
}

/// How much may have passed unnoticed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trust {
    pub(crate) now: i64,
    pub(crate) window: i64,
    pub(crate) skew: i64,
}

impl Trust {
    /// Judges an entry whose load began at `started` by what is known now.
    pub(crate) fn judge(self, tags: &[Arc<TagState>], started: i64) -> Verdict {
        // Whatever invalidated a load this young did so within the window.
        let age = self.now.saturating_sub(started).max(0);
        let is_young = age.saturating_add(self.skew) < self.window;
        let mut is_known = true;
        for tag in tags {
            is_known &= is_young || tag.is_known(self.now, self.window);
            let floor = tag.stamp().saturating_add(self.skew);
            if started <= floor {
                return Verdict::Invalidated { floor };
            }
        }
        if is_known { Verdict::Valid } else { Verdict::Unknown }
    }

    /// Judges by stamps that were just read.
    pub(crate) fn judge_read(self, tags: &[Arc<TagState>], started: i64) -> Verdict {
        let floor = tags.iter().map(|tag| tag.stamp()).max().unwrap_or(NEVER);
        let floor = floor.saturating_add(self.skew);
        if started <= floor { Verdict::Invalidated { floor } } else { Verdict::Valid }
    }
}

/// All tags that something in this process holds.
#[derive(Debug, Default)]
pub(crate) struct Tags(Mutex<Interned>);

#[derive(Debug, Default)]
struct Interned {
    states: HashMap<Arc<str>, Weak<TagState>>,
    purge_at: usize,
    recent: VecDeque<Arc<TagState>>,
}

impl Tags {
    pub(crate) fn state(&self, tag: &Tag) -> Arc<TagState> {
        let mut interned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = interned.states.get(tag.stamp_key()).and_then(Weak::upgrade) {
            return state;
        }
        if interned.states.len() >= interned.purge_at.max(LEAST_PURGE) {
            interned.states.retain(|_, state| state.strong_count() > 0);
            interned.purge_at = interned.states.len() * 2;
        }
        let state = Arc::new(TagState::new(Arc::clone(tag.stamp_key())));
        interned.states.insert(Arc::clone(tag.stamp_key()), Arc::downgrade(&state));
        state
    }

    /// Invalidates a tag for this process.
    pub(crate) fn raise(&self, tag: &Tag, stamp: i64) {
        let state = self.state(tag);
        state.raise(stamp);
        let recent = &mut self.0.lock().unwrap_or_else(PoisonError::into_inner).recent;
        recent.push_back(state);
        if recent.len() > RECENT {
            recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUST: Trust = Trust { now: 100_000, window: 3_000, skew: 50 };

    fn tag(stamp: Option<i64>, read_at: i64) -> Arc<TagState> {
        let state = TagState::new("tag#t".into());
        state.learn(stamp, read_at);
        Arc::new(state)
    }

    #[test]
    fn an_entry_is_valid_if_its_load_began_after_the_stamp_and_the_skew() {
        let known = TRUST.now - 10;
        for (stamp, started, expected) in [
            (None, 1, Verdict::Valid),
            (Some(50_000), 50_051, Verdict::Valid),
            (Some(50_000), 50_050, Verdict::Invalidated { floor: 50_050 }),
            (Some(50_000), 49_999, Verdict::Invalidated { floor: 50_050 }),
        ] {
            assert_eq!(TRUST.judge(&[tag(None, known), tag(stamp, known)], started), expected);
        }
    }

    #[test]
    fn what_was_read_too_long_ago_is_unknown_unless_the_entry_is_young() {
        let old = tag(None, TRUST.now - 3_000);
        assert_eq!(TRUST.judge(&[tag(None, TRUST.now), Arc::clone(&old)], 1), Verdict::Unknown);
        assert_eq!(TRUST.judge(&[tag(None, TRUST.now - 2_999)], 1), Verdict::Valid);
        assert_eq!(TRUST.judge(&[tag(None, TRUST.now + 1)], 1), Verdict::Unknown, "set back");
        let young = TRUST.now - TRUST.window + TRUST.skew;
        assert_eq!(TRUST.judge(std::slice::from_ref(&old), young), Verdict::Unknown);
        assert_eq!(TRUST.judge(&[old], young + 1), Verdict::Valid);
    }

    #[test]
    fn tags_are_shared_while_held_and_forgotten_after() {
        let tags = Tags::default();
        let held = tags.state(&Tag::new("held").unwrap());
        for number in 0..10_000 {
            drop(tags.state(&Tag::new(format!("{number}")).unwrap()));
        }
        assert!(Arc::ptr_eq(&held, &tags.state(&Tag::new("held").unwrap())));
        assert!(tags.0.lock().unwrap().states.len() <= LEAST_PURGE);
    }
}
