//! When each tag was last invalidated, as far as this process knows.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
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
    /// Of all tags: no stamp is newer.
    newest: Arc<AtomicI64>,
    /// When the read began that brought it, by this process's clock.
    read_at: AtomicI64,
    /// Held by whoever reads it, so that a crowd asks once.
    pub(crate) reading: tokio::sync::Mutex<()>,
}

impl TagState {
    fn new(key: Arc<str>, newest: Arc<AtomicI64>) -> Self {
        Self {
            key,
            stamp: AtomicI64::new(NEVER),
            newest,
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
        // Before the stamp: who sees that there is nothing newer need not look at it.
        self.newest.fetch_max(stamp, Ordering::AcqRel);
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
    /// Whether an entry is valid whatever its tags are: too young for one to have been invalidated
    /// unnoticed, and younger than all that is known to have been invalidated.
    pub(crate) fn is_beyond_doubt(self, tags: &Tags, started: i64) -> bool {
        self.is_young(started) && started > tags.newest().saturating_add(self.skew)
    }

    /// Whatever invalidated a load this young did so within the window.
    fn is_young(self, started: i64) -> bool {
        let age = self.now.saturating_sub(started).max(0);
        age.saturating_add(self.skew) < self.window
    }

    /// Judges an entry whose load began at `started` by what is known now.
    pub(crate) fn judge(self, tags: &[Arc<TagState>], started: i64) -> Verdict {
        let is_young = self.is_young(started);
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
#[derive(Debug)]
pub(crate) struct Tags {
    interned: Mutex<Interned>,
    /// The newest stamp of any tag.
    newest: Arc<AtomicI64>,
}

impl Default for Tags {
    fn default() -> Self {
        Self { interned: Mutex::default(), newest: Arc::new(AtomicI64::new(NEVER)) }
    }
}

#[derive(Debug, Default)]
struct Interned {
    states: HashMap<Arc<str>, Weak<TagState>>,
    purge_at: usize,
    recent: VecDeque<Arc<TagState>>,
}

impl Tags {
    fn lock(&self) -> MutexGuard<'_, Interned> {
        self.interned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self) -> i64 {
        self.newest.load(Ordering::Acquire)
    }

    pub(crate) fn state(&self, tag: &Tag) -> Arc<TagState> {
        let mut interned = self.lock();
        if let Some(state) = interned.states.get(tag.stamp_key()).and_then(Weak::upgrade) {
            return state;
        }
        if interned.states.len() >= interned.purge_at.max(LEAST_PURGE) {
            interned.states.retain(|_, state| state.strong_count() > 0);
            interned.purge_at = interned.states.len() * 2;
        }
        let (key, newest) = (Arc::clone(tag.stamp_key()), Arc::clone(&self.newest));
        let state = Arc::new(TagState::new(key, newest));
        interned.states.insert(Arc::clone(tag.stamp_key()), Arc::downgrade(&state));
        state
    }

    /// Invalidates a tag for this process.
    pub(crate) fn raise(&self, tag: &Tag, stamp: i64) {
        let state = self.state(tag);
        state.raise(stamp);
        let recent = &mut self.lock().recent;
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
        let state = TagState::new("tag#t".into(), Arc::default());
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
    fn an_entry_is_beyond_doubt_if_it_is_young_and_began_after_all_stamps() {
        let young = TRUST.now - TRUST.window + TRUST.skew;
        let tags = Tags::default();
        assert!(TRUST.is_beyond_doubt(&tags, young + 1));
        assert!(!TRUST.is_beyond_doubt(&tags, young), "what was invalidated may not be known");
        let (one, other) = (Tag::new("one").unwrap(), Tag::new("other").unwrap());
        let (held, stamp) = (tags.state(&one), TRUST.now - 100);
        tags.raise(&other, stamp);
        assert!(!TRUST.is_beyond_doubt(&tags, stamp + TRUST.skew));
        assert!(TRUST.is_beyond_doubt(&tags, stamp + TRUST.skew + 1));
        // A tag that is not known yet has nothing older, and what is read counts as what is raised.
        held.learn(Some(stamp - 10), TRUST.now);
        assert!(TRUST.is_beyond_doubt(&tags, stamp + TRUST.skew + 1));
        held.learn(Some(stamp + 10), TRUST.now);
        assert!(!TRUST.is_beyond_doubt(&tags, stamp + 10 + TRUST.skew));
    }

    #[test]
    fn what_is_beyond_doubt_is_valid_by_its_tags() {
        let tags = Tags::default();
        let states: Vec<_> =
            ["a", "b", "c"].iter().map(|name| tags.state(&Tag::new(name).unwrap())).collect();
        let (mut beyond_doubt, mut invalidated) = (0, 0);
        for step in 0..300 {
            let state = &states[step % states.len()];
            let at = TRUST.now - 3_000 + 10 * step as i64;
            if step % 2 == 0 {
                state.raise(at)
            } else {
                state.learn(Some(at), at)
            }
            for started in (at - 200..at + 200).step_by(7) {
                let verdict = TRUST.judge(&states, started);
                if TRUST.is_beyond_doubt(&tags, started) {
                    assert_eq!(verdict, Verdict::Valid, "{started} after {at}");
                    beyond_doubt += 1;
                }
                invalidated += u32::from(matches!(verdict, Verdict::Invalidated { .. }));
            }
        }
        assert!(beyond_doubt > 1_000 && invalidated > 1_000, "{beyond_doubt} {invalidated}");
    }

    #[test]
    fn tags_are_shared_while_held_and_forgotten_after() {
        let tags = Tags::default();
        let held = tags.state(&Tag::new("held").unwrap());
        for number in 0..10_000 {
            drop(tags.state(&Tag::new(format!("{number}")).unwrap()));
        }
        assert!(Arc::ptr_eq(&held, &tags.state(&Tag::new("held").unwrap())));
        assert!(tags.lock().states.len() <= LEAST_PURGE);
    }
}
