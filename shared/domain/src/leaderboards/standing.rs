//! A user's places on the boards of a scope, and what changes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BoardScore, IsoWeek, Period};
use crate::{Timestamp, quizzes::BasisPoints};

/// A place on a board. Of equal scores, the one that was reached first is listed first; their rank is
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The score.
    pub score: BoardScore,
    /// When it was reached.
    pub at: Timestamp,
}

/// What is known of a user in a scope. The default is that of a user who has no score in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The place on the board of all time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Place>,
    /// The places on the boards of the weeks that are still kept; mostly one, at most seven.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weeks: BTreeMap<IsoWeek, Place>,
    /// Whether the user has left the boards of the scope. Scores still count, for coming back and for the
    /// global scope, but there are no entries.
    #[serde(default)]
    pub left: bool,
    /// When it changed last, in Unix milliseconds, and later than the change before; 0 if it never did. So
    /// it is larger than that of a standing that was erased before.
    #[serde(default)]
    pub version: u64,
}

/// A user's move on one board, from an entry to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which board of the scope.
    pub period: Period,
    /// The entry that ends.
    pub from: Option<Place>,
    /// The entry that begins.
    pub to: Option<Place>,
}

/// A change of a standing, with what it means for the boards: one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The version that the change was made from.
    pub known_version: u64,
    /// What the standing is now; `None` if nothing is to be known any more.
    pub standing: Option<Standing>,
    /// The version that the moves have: they are counted in its order.
    pub version: u64,
    /// What moves on the boards.
    pub moves: Vec<Move>,
}

/// What a result changes; `None` where it changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Improvement {
    /// In the scope of the quiz.
    pub quiz: Option<Change>,
    /// In the global scope.
    pub global: Option<Change>,
}

/// What a result in a quiz changes for a user with these standings in the quiz and in the global scope.
///
/// A better score of all time or of this week replaces the entry on that board. The global boards get
/// a tenth of what the score of all time has gained (so at most 1,000 XP for each quiz, however often it is
/// taken), in all and in this week.
pub fn improve(
    quiz: &Standing,
    global: &Standing,
    score: BasisPoints,
    now: Timestamp,
) -> Improvement {
    let points = |place: Option<Place>| place.map_or(0, |place| place.score.get());
    let reached = BoardScore::default().plus(u32::from(score.get()));
    let week = IsoWeek::of(now);
    let is_better = |place: Option<&Place>| place.is_none_or(|place| place.score < reached);
    let mut raise = quiz.raise(now);
    if is_better(quiz.all.as_ref()) {
        raise.to(Period::All, reached);
    }
    if is_better(quiz.weeks.get(&week)) {
        raise.to(Period::Week(week), reached);
    }
    let gained = (reached.get() / 10).saturating_sub(points(quiz.all) / 10);
    let mut add = global.raise(now);
    if gained > 0 {
        let so_far = |place: Option<Place>| place.map(|place| place.score).unwrap_or_default();
        add.to(Period::All, so_far(global.all).plus(gained));
        add.to(Period::Week(week), so_far(global.weeks.get(&week).copied()).plus(gained));
    }
    Improvement { quiz: raise.done(), global: add.done() }
}

impl Standing {
    /// The places, whether or not the user has left.
    pub fn places(&self) -> impl Iterator<Item = (Period, Place)> {
        let all = self.all.iter().map(|place| (Period::All, *place));
        all.chain(self.weeks.iter().map(|(week, place)| (Period::Week(*week), *place)))
    }

    /// The place in a period.
    pub fn place(&self, period: Period) -> Option<Place> {
        match period {
            Period::All => self.all,
            Period::Week(week) => self.weeks.get(&week).copied(),
        }
    }

    /// The place in a period on whose board the user has an entry.
    pub fn entry(&self, period: Period) -> Option<Place> {
        self.place(period).filter(|_| !self.left)
    }

    /// Leaves the boards of the scope; `None` if the user already has.
    pub fn leave(&self, now: Timestamp) -> Option<Change> {
        let move_out = |(period, place)| Move { period, from: Some(place), to: None };
        let moves = self.kept(now).places().map(move_out).collect();
        (!self.left).then(|| self.change(now, moves, |standing| standing.left = true))
    }

    /// Comes back to the boards of the scope; `None` if the user has not left.
    pub fn rejoin(&self, now: Timestamp) -> Option<Change> {
        let move_in = |(period, place)| Move { period, from: None, to: Some(place) };
        let moves = self.kept(now).places().map(move_in).collect();
        self.left.then(|| self.change(now, moves, |standing| standing.left = false))
    }

    /// Erases the standing, and with it every entry; `None` if there is none.
    pub fn erase(&self, now: Timestamp) -> Option<Change> {
        if self.version == 0 {
            return None;
        }
        let moves = self.leave(now).map(|change| change.moves).unwrap_or_default();
        let change = self.change(now, moves, |_| ());
        Some(Change { standing: None, ..change })
    }

    /// Without the weeks whose boards are not kept any more. DynamoDB deletes those entries by itself.
    fn kept(&self, now: Timestamp) -> Self {
        let mut kept = self.clone();
        kept.weeks.retain(|week, _| now < week.kept_until());
        kept
    }

    fn change(&self, now: Timestamp, moves: Vec<Move>, edit: impl FnOnce(&mut Self)) -> Change {
        // Where the clock was set back, the order of changes is still that of versions.
        let version = now.unix_millis().max(self.version + 1);
        let mut standing = Self { version, ..self.kept(now) };
        edit(&mut standing);
        Change { known_version: self.version, standing: Some(standing), version, moves }
    }

    fn raise(&self, now: Timestamp) -> Raise<'_> {
        Raise { standing: self, now, reached: Vec::new() }
    }
}

/// Places that a result reaches.
struct Raise<'a> {
    standing: &'a Standing,
    now: Timestamp,
    reached: Vec<(Period, Place)>,
}

impl Raise<'_> {
    fn to(&mut self, period: Period, score: BoardScore) {
        self.reached.push((period, Place { score, at: self.now }));
    }

    fn done(self) -> Option<Change> {
        let Self { standing, now, reached } = self;
        if reached.is_empty() {
            return None;
        }
        let moves = reached.iter().map(|(period, place)| Move {
            period: *period,
            from: standing.place(*period),
            to: Some(*place),
        });
        let moves = if standing.left { Vec::new() } else { moves.collect() };
        Some(standing.change(now, moves, |standing| {
            for (period, place) in reached {
                match period {
                    Period::All => standing.all = Some(place),
                    Period::Week(week) => drop(standing.weeks.insert(week, place)),
                }
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    /// 2026-11-24, in week 48.
    const NOW: Timestamp = Timestamp::from_unix_millis(1_795_478_400_000);

    fn points(score: u16) -> BasisPoints {
        score.try_into().unwrap()
    }

    fn score(number: u32) -> BoardScore {
        number.try_into().unwrap()
    }

    fn week_of(now: Timestamp) -> Period {
        Period::Week(IsoWeek::of(now))
    }

    /// A user's standings in one quiz and in the global scope.
    #[derive(Default)]
    struct User {
        quiz: Standing,
        global: Standing,
    }

    impl User {
        fn submit(&mut self, score: u16, now: Timestamp) -> Improvement {
            let improvement = improve(&self.quiz, &self.global, points(score), now);
            let pairs =
                [(&mut self.quiz, &improvement.quiz), (&mut self.global, &improvement.global)];
            for (standing, change) in pairs {
                if let Some(change) = change {
                    assert_eq!(change.known_version, standing.version);
                    *standing = change.standing.clone().unwrap();
                    assert!(standing.version > change.known_version);
                }
            }
            improvement
        }
    }

    fn scores(standing: &Standing, now: Timestamp) -> [Option<u32>; 2] {
        [Period::All, week_of(now)]
            .map(|period| standing.place(period).map(|place| place.score.get()))
    }

    #[test]
    fn the_first_result_enters_four_boards() {
        let mut user = User::default();
        let Improvement { quiz, global } = user.submit(8_759, NOW);
        for (change, expected) in [(quiz.unwrap(), 8_759), (global.unwrap(), 875)] {
            let to = Some(Place { score: score(expected), at: NOW });
            let moves = [Period::All, week_of(NOW)].map(|period| Move { period, from: None, to });
            assert_eq!(change.moves, moves);
            assert_eq!(change.known_version, 0);
        }
    }

    #[test]
    fn only_what_is_better_moves() {
        let mut user = User::default();
        user.submit(5_000, NOW);
        for worse in [5_000, 4_999, 0] {
            assert_eq!(user.submit(worse, NOW), Improvement::default());
        }
        // A tenth of it is the same.
        let improvement = user.submit(5_009, NOW);
        assert_eq!((improvement.quiz.unwrap().moves.len(), improvement.global), (2, None));
        user.submit(10_000, NOW);
        assert_eq!(scores(&user.global, NOW), [Some(1_000); 2]);
    }

    #[test]
    fn no_points_are_a_place_on_the_board_of_the_quiz_only() {
        let mut user = User::default();
        let improvement = user.submit(9, NOW);
        assert_eq!(improvement.quiz.unwrap().moves.len(), 2);
        assert_eq!(improvement.global, None);
    }

    #[test]
    fn a_new_week_begins_with_nothing() {
        let mut user = User::default();
        user.submit(9_000, NOW);
        let next = NOW.after(WEEK);
        let improvement = user.submit(6_000, next);
        let [only] = improvement.quiz.unwrap().moves[..] else { panic!() };
        assert_eq!((only.period, only.from), (week_of(next), None));
        assert_eq!(improvement.global, None, "nothing was gained");
        user.submit(9_500, next);
        assert_eq!(scores(&user.quiz, next), [Some(9_500); 2]);
        assert_eq!(scores(&user.global, next), [Some(950), Some(50)]);
        assert_eq!(scores(&user.global, NOW)[1], Some(900), "the former week stays");
    }

    #[test]
    fn weeks_that_are_not_kept_are_forgotten() {
        let mut user = User::default();
        for week in 0..20 {
            user.submit(100 * (week + 1), NOW.after(WEEK * u32::from(week)));
            assert!(user.quiz.weeks.len() <= 7, "{:?}", user.quiz.weeks);
        }
        assert!(user.quiz.weeks.len() >= 6);
        let later = NOW.after(WEEK * 100);
        assert_eq!(user.quiz.leave(later).unwrap().moves.len(), 1);
    }

    #[test]
    fn whoever_left_is_on_no_board_and_comes_back_where_they_would_be() {
        let mut user = User::default();
        user.submit(5_000, NOW);
        let left = user.quiz.leave(NOW).unwrap();
        assert!(left.moves.iter().all(|step| step.from.is_some() && step.to.is_none()));
        assert_eq!(left.moves.len(), 2);
        user.quiz = left.standing.unwrap();
        assert_eq!(user.quiz.leave(NOW), None);
        assert_eq!(user.quiz.entry(Period::All), None);
        let improvement = user.submit(7_000, NOW);
        assert_eq!(improvement.quiz.unwrap().moves, []);
        assert_eq!(improvement.global.unwrap().moves.len(), 2, "the other scope goes on");
        let back = user.quiz.rejoin(NOW).unwrap();
        let scores: Vec<_> = back.moves.iter().map(|step| step.to.unwrap().score.get()).collect();
        assert_eq!(scores, [7_000, 7_000]);
        assert_eq!(back.standing.unwrap().rejoin(NOW), None);
    }

    #[test]
    fn who_leaves_before_a_result_is_never_entered() {
        let mut user = User {
            quiz: Standing::default().leave(NOW).unwrap().standing.unwrap(),
            ..User::default()
        };
        assert_eq!(user.submit(9_000, NOW).quiz.unwrap().moves, []);
    }

    #[test]
    fn erasing_ends_all_entries_once() {
        let mut user = User::default();
        assert_eq!(user.quiz.erase(NOW), None);
        user.submit(5_000, NOW);
        let erased = user.quiz.erase(NOW).unwrap();
        assert_eq!((erased.moves.len(), erased.standing), (2, None));
        user.quiz = user.quiz.leave(NOW).unwrap().standing.unwrap();
        assert_eq!(user.quiz.erase(NOW).unwrap().moves, []);
    }

    #[test]
    fn versions_grow_while_the_clock_goes_back() {
        let mut user = User::default();
        user.submit(1_000, NOW);
        let before = user.quiz.version;
        user.submit(2_000, Timestamp::from_unix_millis(NOW.unix_millis() - 60_000));
        assert_eq!(user.quiz.version, before + 1);
    }
}
