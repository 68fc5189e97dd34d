//! A deterministic simulation: the very writes of this module on a table in memory.
//!
//! Users submit results, leave, come back and are erased; folds count. Each is a read and, any time later
//! or never, a transaction: so they race, die between any two calls, and are repeated. The clock stands still,
//! goes on, jumps over weeks and is set back. After each step every invariant is checked on all items:
//!
//! 1. A user's entries are where their standings say, and nowhere else.
//! 2. In each lane of each board, counters and waiting moves together are the entries, node by node.
//! 3. No counter is below zero.
//!
//! `BOARD_SIMULATION_STEPS` and `BOARD_SIMULATION_SEEDS` make it longer.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use minigate_domain::{
    Timestamp, UserId,
    leaderboards::{
        Board, Census, Counts, Deltas, IsoWeek, Lane, Node, Period, Scope, ScopeLane, Standing,
    },
    quizzes::QuizId,
};

use super::{
    changes::{Results, decode_standing, standing_key, writes},
    fold::{Fold, Pending},
};
use crate::{
    call::{Item, decoded, sort_key},
    keys::{self, PARTITION_KEY, SORT_KEY, TIME_TO_LIVE},
};

const USERS: u64 = 4;
const QUIZZES: [&str; 2] = ["rust-basics", "chess"];
const SECOND: u64 = 1_000;
const WEEK: u64 = 7 * 24 * 3_600 * SECOND;

/// xorshift64*: the same seed gives the same run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

type Key = (String, String);

fn key_of(item: &Item) -> Key {
    [PARTITION_KEY, SORT_KEY].map(|name| item[name].as_s().unwrap().clone()).into()
}

/// What DynamoDB does with the transactions of this module.
#[derive(Default)]
struct Table(BTreeMap<Key, Item>);

impl Table {
    fn query(&self, partition: &str) -> Vec<Item> {
        let from = (partition.to_owned(), String::new());
        let items = self.0.range(from..).take_while(|((own, _), _)| own == partition);
        items.map(|(_, item)| item.clone()).collect()
    }

    /// All or nothing, each write on its condition. Whether it went through.
    fn transact(&mut self, writes: &[TransactWriteItem]) -> bool {
        assert!((1..=100).contains(&writes.len()), "{} writes", writes.len());
        let mut keys = BTreeSet::new();
        let mut after = BTreeMap::new();
        for write in writes {
            let (key, item) = match (&write.put, &write.delete, &write.update) {
                (Some(put), None, None) => {
                    let key = key_of(&put.item);
                    let values = put.expression_attribute_values.as_ref();
                    if !self.holds(&key, put.condition_expression.as_deref(), values) {
                        return false;
                    }
                    (key, Some(put.item.clone()))
                }
                (None, Some(delete), None) => {
                    let key = key_of(&delete.key);
                    let values = delete.expression_attribute_values.as_ref();
                    if !self.holds(&key, delete.condition_expression.as_deref(), values) {
                        return false;
                    }
                    (key, None)
                }
                (None, None, Some(update)) => {
                    let key = key_of(&update.key);
                    let mut item = self.0.get(&key).unwrap_or(&update.key).clone();
                    for (name, value) in update.expression_attribute_values.iter().flatten() {
                        if name == ":ttl" {
                            item.insert(TIME_TO_LIVE.to_owned(), value.clone());
                            continue;
                        }
                        let name = name.trim_start_matches(':').to_owned();
                        assert!(update.update_expression.contains(&format!("{name} :{name}")));
                        let sum = number_of(item.get(&name)) + number_of(Some(value));
                        item.insert(name, AttributeValue::N(sum.to_string()));
                    }
                    (key, Some(item))
                }
                _ => panic!("a write of another kind"),
            };
            assert!(keys.insert(key.clone()), "two writes of one item: {key:?}");
            after.insert(key, item);
        }
        for (key, item) in after {
            match item {
                Some(item) => drop(self.0.insert(key, item)),
                None => drop(self.0.remove(&key)),
            }
        }
        true
    }

    fn holds(&self, key: &Key, condition: Option<&str>, values: Option<&Item>) -> bool {
        let found = self.0.get(key);
        match condition {
            None => true,
            Some("attribute_exists(#pk)") => found.is_some(),
            Some("attribute_not_exists(#pk)") => found.is_none(),
            Some("#version = :known") => {
                found.and_then(|item| item.get("version")) == values.unwrap().get(":known")
            }
            Some(other) => panic!("a condition of another kind: {other}"),
        }
    }
}

fn number_of(value: Option<&AttributeValue>) -> i64 {
    value.map_or(0, |value| value.as_n().unwrap().parse().unwrap())
}

/// What somebody is about to write, made of what they have read.
struct Planned(Vec<TransactWriteItem>);

struct World {
    random: Random,
    table: Table,
    now: Timestamp,
    planned: Vec<Planned>,
    causes: u64,
    done: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: Random(seed * 0x9e37_79b9 + 1),
            table: Table::default(),
            now: Timestamp::from_unix_millis(1_795_478_400_000),
            planned: Vec::new(),
            causes: 0,
            done: BTreeMap::new(),
        }
    }

    fn user(&mut self) -> UserId {
        UserId::new(1 + self.random.below(USERS)).unwrap()
    }

    fn quiz(&mut self) -> QuizId {
        QUIZZES[self.random.below(2) as usize].parse().unwrap()
    }

    fn scope(&mut self) -> Scope {
        if self.random.one_in(2) { Scope::Global } else { Scope::Quiz(self.quiz()) }
    }

    fn standing(&self, user_id: UserId, scope: &Scope) -> Standing {
        let item = self.table.0.get(&key_of(&standing_key(user_id, scope)));
        decode_standing(item.cloned()).unwrap()
    }

    fn cause(&mut self) -> String {
        self.causes += 1;
        format!("{:032x}", self.causes)
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..36 => self.read_for_result(),
            36..44 => self.read_for_change(),
            44..60 => self.read_for_fold(),
            60..90 => self.write(),
            // Whoever was about to write has died.
            90..94 if !self.planned.is_empty() => {
                let index = self.random.below(self.planned.len() as u64) as usize;
                self.planned.swap_remove(index);
                self.count("died");
            }
            94..99 => self.tick(),
            _ => self.expire(),
        }
        assert!(self.planned.len() < 1_000);
    }

    fn read_for_result(&mut self) {
        let (user_id, quiz, cause) = (self.user(), self.quiz(), self.cause());
        let of_quiz = self.standing(user_id, &Scope::Quiz(quiz.clone()));
        let of_all = self.standing(user_id, &Scope::Global);
        // Few marks, as short quizzes have; and now and then any.
        let score = if self.random.one_in(4) { 1 } else { 500 };
        let score = u16::try_from(self.random.below(10_000 / score + 1) * score).unwrap();
        let (standings, now) = ([&of_quiz, &of_all], self.now);
        let score = score.try_into().unwrap();
        let results = Results::new("main", user_id, &quiz, standings, score, &cause, now).unwrap();
        assert!(results.writes.len() <= 12);
        assert!(results.waiting.iter().all(|waiting| waiting.lane == Lane::of(user_id)));
        if !results.writes.is_empty() {
            self.planned.push(Planned(results.writes));
        }
    }

    fn read_for_change(&mut self) {
        let (user_id, scope, cause) = (self.user(), self.scope(), self.cause());
        let standing = self.standing(user_id, &scope);
        let change = match self.random.below(5) {
            0..2 => standing.erase(self.now),
            2 => standing.leave(self.now),
            _ => standing.rejoin(self.now),
        };
        if let Some(change) = change {
            let writes = writes("main", user_id, &scope, &change, &cause).unwrap();
            self.planned.push(Planned(writes));
        }
    }

    fn read_for_fold(&mut self) {
        let (user_id, scope) = (self.user(), self.scope());
        let lane = ScopeLane { scope, lane: Lane::of(user_id) };
        let waiting: Vec<Pending> = self
            .table
            .query(&keys::lane(&lane))
            .into_iter()
            .map(|item| decoded("pending move", item).unwrap())
            .collect();
        let writes = Fold::of_first(&lane, waiting).writes("main", &lane).unwrap();
        if !writes.is_empty() {
            self.planned.push(Planned(writes));
        }
    }

    fn write(&mut self) {
        if self.planned.is_empty() {
            return;
        }
        let index = self.random.below(self.planned.len() as u64) as usize;
        let planned = self.planned.swap_remove(index);
        if self.table.transact(&planned.0) {
            self.count("written");
            // The answer is lost, and the same call comes again, without DynamoDB knowing it.
            if self.random.one_in(10) {
                let repeated = self.table.transact(&planned.0);
                assert!(!repeated, "a repetition has gone through");
            }
        } else {
            self.count("raced");
        }
    }

    fn tick(&mut self) {
        let now = self.now.unix_millis();
        self.now = Timestamp::from_unix_millis(match self.random.below(20) {
            0 => now + WEEK,
            1 => now - self.random.below(3 * 3_600 * SECOND),
            _ => now + self.random.below(10 * SECOND),
        });
    }

    /// DynamoDB deletes some of what has expired long ago, in any order; nobody may notice.
    fn expire(&mut self) {
        // Not what somebody is about to write: real requests end within seconds.
        self.planned.clear();
        let past = self.now.unix_seconds().saturating_sub(WEEK / SECOND);
        let random = &mut self.random;
        self.table.0.retain(|_, item| {
            let until = item.get(TIME_TO_LIVE).map(|until| number_of(Some(until)) as u64);
            until.is_none_or(|until| until > past || random.one_in(3))
        });
    }

    /// Boards whose entries and counters are still kept.
    fn is_kept(&self, period: Period) -> bool {
        period.kept_until().is_none_or(|until| {
            // The clock may have been set back since something expired.
            until.unix_seconds() > self.now.unix_seconds() + 4 * 3_600
        })
    }

    fn check(&self) {
        let (mut expected, mut found) = (BTreeSet::new(), BTreeSet::new());
        // Of each lane of each board: what entries, waiting moves and counters say.
        let mut sums: BTreeMap<(String, u8), Sums> = BTreeMap::new();
        for ((partition, sort), item) in &self.table.0 {
            if let Some(user) = partition.strip_prefix("USER#") {
                let user_id: UserId = user.parse().unwrap();
                let scope: Scope = sort.strip_prefix("STANDING#").unwrap().parse().unwrap();
                let standing = decode_standing(Some(item.clone())).unwrap();
                for (period, _) in standing.places() {
                    if let Some(place) = standing.entry(period).filter(|_| self.is_kept(period)) {
                        let board = Board { scope: scope.clone(), period };
                        let page = keys::board_page(&board, scope.page_of(place.score));
                        expected.insert((page, keys::board_entry(user_id, place)));
                    }
                }
            } else if let Some(lane) = partition.strip_prefix("LANE#") {
                let (scope, lane) = lane.rsplit_once('#').unwrap();
                let pending: Pending = decoded("pending move", item.clone()).unwrap();
                for (period, from, to) in pending.scores() {
                    let board = Board { scope: scope.parse().unwrap(), period };
                    let sums = sums.entry((board.to_string(), lane.parse().unwrap())).or_default();
                    sums.waiting.add(&board.scope, from, to);
                    sums.board = Some(board);
                }
            } else if let Some((board, page)) = of_board(partition, "#P#") {
                assert_eq!(keys::board_page(&board, page_of(&board, page)), *partition);
                if self.is_kept(board.period) {
                    found.insert((partition.clone(), sort.clone()));
                }
                let user_id = UserId::new(number_of(item.get("user")) as u64).unwrap();
                let score = u32::try_from(number_of(item.get("score"))).unwrap();
                let lane = Lane::of(user_id).get();
                let sums = sums.entry((board.to_string(), lane)).or_default();
                sums.entries.add(&board.scope, None, Some(score.try_into().unwrap()));
                sums.board = Some(board);
            } else if let Some((board, lane)) = of_board(partition, "#C#") {
                let sums = sums.entry((board.to_string(), lane.parse().unwrap())).or_default();
                sums.counters.extend(counters_of(item));
                sums.board = Some(board);
            } else {
                panic!("an item of another kind: {partition}");
            }
        }
        assert_eq!(found, expected, "entries, and where the standings say they are");
        for ((board, lane), sums) in sums {
            if self.is_kept(sums.board.as_ref().unwrap().period) {
                sums.check(&format!("{board}, lane {lane}"));
            }
        }
    }
}

/// What is known of one lane of a board.
#[derive(Default)]
struct Sums {
    board: Option<Board>,
    entries: Deltas,
    waiting: Deltas,
    counters: BTreeMap<(Node, usize), i64>,
}

impl Sums {
    fn check(&self, of: &str) {
        let mut left = self.counters.clone();
        for (sign, deltas) in [(1, &self.waiting), (-1, &self.entries)] {
            for (node, digits) in deltas.iter() {
                for (digit, count) in digits {
                    *left.entry((node, *digit)).or_default() += sign * count;
                }
            }
        }
        assert!(left.values().all(|rest| *rest == 0), "{of}: counters and waiting moves: {left:?}");
        assert!(self.counters.values().all(|count| *count >= 0), "{of}: {:?}", self.counters);
    }
}

fn of_board<'a>(partition: &'a str, kind: &str) -> Option<(Board, &'a str)> {
    let (board, rest) = partition.strip_prefix("BOARD#")?.split_once(kind)?;
    let (scope, period) = match board.split_once('#') {
        Some((scope, week)) => (scope, Period::Week(week.parse().unwrap())),
        None => (board, Period::All),
    };
    Some((Board { scope: scope.parse().unwrap(), period }, rest))
}

fn page_of(board: &Board, page: &str) -> minigate_domain::leaderboards::EntryPage {
    let number: u8 = page.parse().unwrap();
    board.scope.pages().find(|page| page.get() == number).unwrap()
}

fn counters_of(item: &Item) -> impl Iterator<Item = ((Node, usize), i64)> {
    let (level, prefix) = sort_key(item).unwrap().split_once('#').unwrap();
    let prefix = u32::from_str_radix(prefix, 16).unwrap();
    let node = Node { level: level.parse().unwrap(), prefix };
    item.iter().filter_map(move |(name, count)| {
        let digit = name.strip_prefix('d')?.parse().unwrap();
        Some(((node, digit), number_of(Some(count))))
    })
}

/// The ranks that the counters give, and those that the entries have.
fn check_ranks(world: &World) {
    for scope in [Scope::Global, Scope::Quiz("chess".parse().unwrap())] {
        for period in [Period::All, Period::Week(IsoWeek::of(world.now))] {
            let board = Board { scope: scope.clone(), period };
            let places: Vec<_> = (1..=USERS)
                .map(|user| world.standing(UserId::new(user).unwrap(), &scope))
                .filter_map(|standing| standing.entry(period))
                .collect();
            for place in &places {
                let nodes = scope.nodes(Some(place.score));
                let mut counts = Counts::default();
                for lane in Lane::all() {
                    for item in world.table.query(&keys::board_counters(&board, lane)) {
                        for ((node, digit), count) in counters_of(&item) {
                            if nodes.contains(&node) {
                                counts.add(node, digit, count);
                            }
                        }
                    }
                }
                let census = Census::new(&scope, &counts, Some(place.score));
                let above = places.iter().filter(|other| other.score > place.score).count() as u64;
                assert_eq!(census.rank(place.score), Some(1 + above), "{board}");
                assert_eq!(census.participants(), places.len() as u64);
            }
        }
    }
}

/// Ends every request and counts all that waits.
fn come_to_rest(world: &mut World) {
    world.planned.clear();
    for scope in ["global", "rust-basics", "chess"] {
        for lane in Lane::all() {
            let lane = ScopeLane { scope: scope.parse().unwrap(), lane };
            loop {
                let waiting = world.table.query(&keys::lane(&lane)).into_iter();
                let waiting: Vec<Pending> =
                    waiting.map(|item| decoded("pending move", item).unwrap()).collect();
                let writes = Fold::of_first(&lane, waiting).writes("main", &lane).unwrap();
                if writes.is_empty() {
                    break;
                }
                assert!(world.table.transact(&writes));
            }
        }
    }
    world.check();
    check_ranks(world);
}

#[expect(clippy::disallowed_methods, reason = "the length of a simulation")]
fn length(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn simulation_of_boards() {
    for seed in 1..=length("BOARD_SIMULATION_SEEDS", 5) {
        let mut world = World::new(seed);
        for step in 1..=length("BOARD_SIMULATION_STEPS", 1_000) {
            world.step();
            world.check();
            if step % 500 == 0 {
                come_to_rest(&mut world);
            }
        }
        let done = |what| world.done.get(what).copied().unwrap_or(0);
        let is_lively = done("written") > 100 && done("raced") > 10 && done("died") > 10;
        assert!(is_lively, "seed {seed}: {:?}", world.done);
    }
}
