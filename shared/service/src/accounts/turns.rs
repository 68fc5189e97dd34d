//! One after another for each user, within this process: where requests of one user would lose races
//! against each other, they wait instead. Between instances, the store's backoff does the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use minigate_domain::UserId;

/// Held while it is a request's turn.
pub(super) type Turn = tokio::sync::Mutex<()>;

/// The users who are being served. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<UserId, Weak<Turn>>>>);

impl Turns {
    /// The turn of this user: to be locked, and kept until then.
    pub(super) fn of(&self, user_id: UserId) -> Arc<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&user_id).and_then(Weak::upgrade) {
            return turn;
        }
        // As many as there are requests at this moment.
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(user_id, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_one_turn_and_nobody_is_remembered() {
        let turns = Turns::default();
        let [one, other] = [1, 2].map(|id| UserId::new(id).unwrap());
        let held = turns.of(one);
        assert!(Arc::ptr_eq(&held, &turns.of(one)));
        assert!(!Arc::ptr_eq(&held, &turns.of(other)));
        drop(held);
        drop(turns.of(other));
        assert_eq!(turns.0.lock().unwrap().len(), 1);
    }
}
