//! The counter tree: how many users have which score, so that a rank costs a handful of items.
//!
//! A score is written with base 64. The tree's *node* for the first digits of a score counts, for each
//! next digit, how many users' scores begin that way. So one user is counted once in each node on the path
//! of their score, and the users above a score are the sums right of its digits along its path. The
//! idea is that of "Fast and Reliable Ranking in Datastore" (Google, 2013).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{BoardScore, EntryPage, Move, Scope};

/// How many counters a node has.
pub const WIDTH: usize = 64;
const DIGIT_BITS: u32 = 6;

/// The shape of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    /// How many digits a score has.
    pub(crate) depth: u8,
}

/// A node: the root is the level 0 with the prefix 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// How many digits the prefix has.
    pub level: u8,
    /// The first digits of the scores that the node counts.
    pub prefix: u32,
}

impl Tree {
    /// The nodes that count a score, from the root, each with the digit it is counted at.
    pub(crate) fn path(self, score: BoardScore) -> impl DoubleEndedIterator<Item = (Node, usize)> {
        let score = score.get();
        (0..self.depth).map(move |level| {
            let below = DIGIT_BITS * u32::from(self.depth - level);
            let node = Node { level, prefix: score.checked_shr(below).unwrap_or(0) };
            let digit = (score >> (below - DIGIT_BITS)) % WIDTH as u32;
            (node, digit as usize)
        })
    }

    /// The nodes that [`Counts::at_least`] reads.
    fn nodes_at_least(self, score: BoardScore) -> impl Iterator<Item = Node> {
        // Where the further digits are zeros, every score of the digit is large enough.
        let zeros = score.get().trailing_zeros() / DIGIT_BITS;
        let digits = u32::from(self.depth).saturating_sub(zeros).max(1);
        self.path(score).take(digits as usize).map(|(node, _)| node)
    }
}

impl Node {
    /// The node above, and the digit at which it counts what this one counts; `None` for the root.
    pub fn parent(self) -> Option<(Self, usize)> {
        let level = self.level.checked_sub(1)?;
        let digit = self.prefix as usize % WIDTH;
        Some((Self { level, prefix: self.prefix >> DIGIT_BITS }, digit))
    }
}

impl Scope {
    /// The level of the nodes that count single scores.
    pub fn leaf_level(&self) -> u8 {
        self.tree().depth - 1
    }

    /// The leaf that counts a score, and the digit at which it does.
    pub fn leaf_of(&self, score: BoardScore) -> (Node, usize) {
        (Node { level: self.leaf_level(), prefix: block_of(score) }, digit_of(score))
    }

    /// The nodes that a [`Census`] is made of: the sums of all pages, and with a score all that is known
    /// of the users around it. At most seven.
    pub fn nodes(&self, around: Option<BoardScore>) -> BTreeSet<Node> {
        let tree = self.tree();
        let starts = self.pages().map(|page| self.lowest_of(page));
        let pages = starts.flat_map(|start| tree.nodes_at_least(start));
        let around = around.into_iter().flat_map(|score| tree.path(score).map(|(node, _)| node));
        pages.chain(around).collect()
    }
}

/// What moves add to the counters; no zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deltas(BTreeMap<Node, BTreeMap<usize, i64>>);

impl Deltas {
    /// Adds a move on a board of this scope.
    pub fn add(&mut self, scope: &Scope, from: Option<BoardScore>, to: Option<BoardScore>) {
        for (score, change) in [(from, -1), (to, 1)] {
            for (node, digit) in score.into_iter().flat_map(|score| scope.tree().path(score)) {
                let digits = self.0.entry(node).or_default();
                let sum = digits.entry(digit).or_default();
                *sum += change;
                if *sum == 0 {
                    digits.remove(&digit);
                    if digits.is_empty() {
                        self.0.remove(&node);
                    }
                }
            }
        }
    }

    /// How many nodes change.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The nodes that change, each with what is added to which digit.
    pub fn iter(&self) -> impl Iterator<Item = (Node, &BTreeMap<usize, i64>)> {
        self.0.iter().map(|(node, digits)| (*node, digits))
    }
}

impl Move {
    /// What the move adds to the counters of its board.
    pub fn add_to(&self, scope: &Scope, deltas: &mut Deltas) {
        deltas.add(scope, self.from.map(|place| place.score), self.to.map(|place| place.score));
    }
}

/// Counters as they were read, summed over the lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Node, [i64; WIDTH]>);

impl Counts {
    /// Adds what an item has.
    pub fn add(&mut self, node: Node, digit: usize, count: i64) {
        if let Some(sum) = self.0.entry(node).or_insert([0; WIDTH]).get_mut(digit) {
            *sum += count;
        }
    }

    /// The counter of a digit. Reads of several items are no snapshot, and what is read of a move that is
    /// counted at that moment may be its one half: so a sum may be off by it, and is never below zero.
    fn digit(&self, node: Node, digit: usize) -> u64 {
        let count = self.0.get(&node).and_then(|digits| digits.get(digit));
        count.map_or(0, |count| u64::try_from(*count).unwrap_or(0))
    }

    fn right_of(&self, node: Node, digit: usize) -> u64 {
        (digit + 1..WIDTH).map(|digit| self.digit(node, digit)).sum()
    }

    /// How many users have a higher score.
    fn above(&self, scope: &Scope, score: BoardScore) -> u64 {
        scope.tree().path(score).map(|(node, digit)| self.right_of(node, digit)).sum()
    }

    /// How many users have this score or a higher one.
    fn at_least(&self, scope: &Scope, score: BoardScore) -> u64 {
        let tree = scope.tree();
        let nodes = tree.nodes_at_least(score).count();
        let mut sum = 0;
        for (index, (node, digit)) in tree.path(score).take(nodes).enumerate() {
            sum += self.right_of(node, digit);
            if index + 1 == nodes {
                sum += self.digit(node, digit);
            }
        }
        sum
    }
}

/// The block of scores that one leaf of the tree counts: scores of one block have their census in common.
pub fn block_of(score: BoardScore) -> u32 {
    score.get() >> DIGIT_BITS
}

/// How many users a board has, where, and how many around one score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Users of each page, the page with the lowest scores first.
    pages: Vec<u64>,
    /// The scores that one leaf counts.
    block: Option<Block>,
}

/// How many users have each score of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    number: u32,
    /// Users with a score above all of these.
    above: u64,
    /// Users with each score.
    users: Vec<u64>,
}

impl Census {
    /// What the counters of [`Scope::nodes`] say, read for the same score.
    pub fn new(scope: &Scope, counts: &Counts, around: Option<BoardScore>) -> Self {
        let (mut pages, mut above) = (Vec::new(), 0);
        for page in scope.pages() {
            let with_page = counts.at_least(scope, scope.lowest_of(page));
            pages.push(with_page.saturating_sub(above));
            above = with_page;
        }
        pages.reverse();
        let block = around.map(|score| {
            let number = block_of(score);
            let (leaf, _) = scope.leaf_of(score);
            let users = (0..WIDTH).map(|digit| counts.digit(leaf, digit)).collect();
            let last = BoardScore::try_from(number << DIGIT_BITS | (WIDTH as u32 - 1));
            let above = last.map_or(0, |last| counts.above(scope, last));
            Block { number, above, users }
        });
        Self { pages, block }
    }

    /// How many users the board has.
    pub fn participants(&self) -> u64 {
        self.pages.iter().sum()
    }

    /// How many entries a page has.
    pub fn entries(&self, page: EntryPage) -> u64 {
        self.pages.get(usize::from(page.get())).copied().unwrap_or(0)
    }

    /// The rank of a score: one more than there are users with a higher score. `None` if the census was
    /// taken around scores of another block.
    pub fn rank(&self, score: BoardScore) -> Option<u64> {
        let block = self.block_with(score)?;
        let right = block.users.iter().skip(digit_of(score) + 1).sum::<u64>();
        Some(1 + block.above + right)
    }

    /// How many users have this score; `None` as for [`rank`](Self::rank).
    pub fn users_with(&self, score: BoardScore) -> Option<u64> {
        self.block_with(score)?.users.get(digit_of(score)).copied()
    }

    fn block_with(&self, score: BoardScore) -> Option<&Block> {
        self.block.as_ref().filter(|block| block.number == block_of(score))
    }
}

fn digit_of(score: BoardScore) -> usize {
    score.get() as usize % WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator of its own (xorshift64*), so that a failure names all it needs.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % bound
        }
    }

    fn score(number: u64) -> BoardScore {
        u32::try_from(number).unwrap().try_into().unwrap()
    }

    fn apply(counts: &mut Counts, deltas: &Deltas) {
        for (node, digits) in deltas.iter() {
            for (digit, change) in digits {
                counts.add(node, *digit, *change);
            }
        }
    }

    fn scopes() -> [Scope; 2] {
        ["rust-basics", "global"].map(|text| text.parse().unwrap())
    }

    #[test]
    fn a_path_spells_the_score() {
        for (scope, depth) in scopes().into_iter().zip([3, 4]) {
            for number in [0, 1, 63, 64, 4_095, 4_096, 9_999, 10_000] {
                let path: Vec<_> = scope.tree().path(score(number)).collect();
                assert_eq!(path.len(), depth);
                let spelled = path.iter().fold(0, |sum, (_, digit)| sum * 64 + *digit as u64);
                assert_eq!(spelled, number);
                assert_eq!(path[0].0, Node { level: 0, prefix: 0 });
                let leaf = path[depth - 1].0;
                assert_eq!(scope.leaf_of(score(number)), path[depth - 1]);
                assert_eq!(leaf.parent(), Some(path[depth - 2]));
                assert_eq!((leaf.level as usize, leaf.prefix), (depth - 1, number as u32 / 64));
            }
        }
    }

    #[test]
    fn a_census_reads_few_nodes() {
        let [quiz, global] = scopes();
        assert_eq!(quiz.nodes(None).len(), 4);
        assert_eq!(global.nodes(None).len(), 3);
        for number in (0..=10_000).step_by(7) {
            assert!(quiz.nodes(Some(score(number))).len() <= 5);
        }
        for bits in 0..24 {
            assert!(global.nodes(Some(score((1 << bits) + 77 % (1 << bits)))).len() <= 6);
        }
    }

    #[test]
    fn a_move_that_goes_back_changes_nothing() {
        let [quiz, _] = scopes();
        let mut deltas = Deltas::default();
        deltas.add(&quiz, Some(score(5_000)), Some(score(5_001)));
        assert_eq!(deltas.len(), 1, "only the leaf: {deltas:?}");
        deltas.add(&quiz, None, Some(score(9_000)));
        assert_eq!(deltas.len(), 4);
        deltas.add(&quiz, Some(score(9_000)), None);
        deltas.add(&quiz, Some(score(5_001)), Some(score(5_000)));
        assert!(deltas.is_empty());
    }

    /// Against counting: 20,000 users, who move 20,000 times, and the ranks of 1,000 of them; with smooth
    /// scores and with the spiky ones of short quizzes.
    #[test]
    fn ranks_are_exact() {
        for (scope, marks) in
            scopes().into_iter().flat_map(|scope| [(scope.clone(), 21), (scope, 0)])
        {
            let mut random = Random(7 + marks);
            let bound = u64::from(scope.max_score().get());
            let (mut best, mut counts) = (vec![None; 20_000], Counts::default());
            for step in 0..40_000 {
                let user = if step < best.len() { step } else { random.below(20_000) as usize };
                let drawn = match marks {
                    0 => random.below(bound + 1).min(random.below(bound + 1)),
                    marks => bound * random.below(marks) / (marks - 1),
                };
                let to = Some(score(drawn)).filter(|_| random.below(50) > 0);
                let mut deltas = Deltas::default();
                deltas.add(&scope, best[user], to);
                apply(&mut counts, &deltas);
                best[user] = to;
            }
            let mut all: Vec<BoardScore> = best.iter().copied().flatten().collect();
            all.sort_unstable();
            for _ in 0..1_000 {
                let Some(own) = best[random.below(20_000) as usize] else { continue };
                let nodes = scope.nodes(Some(own)).into_iter();
                let read = nodes.filter_map(|node| counts.0.get_key_value(&node));
                let read = Counts(read.map(|(node, digits)| (*node, *digits)).collect());
                let census = Census::new(&scope, &read, Some(own));
                assert_eq!(census.participants(), all.len() as u64);
                let below = all.partition_point(|other| *other < own);
                let up_to = all.partition_point(|other| *other <= own);
                assert_eq!(census.rank(own), Some(1 + (all.len() - up_to) as u64), "{own:?}");
                assert_eq!(census.users_with(own), Some((up_to - below) as u64));
                let page = scope.page_of(own);
                let on_page = all.partition_point(|other| scope.page_of(*other) <= page)
                    - all.partition_point(|other| scope.page_of(*other) < page);
                assert_eq!(census.entries(page), on_page as u64);
            }
        }
    }

    #[test]
    fn a_census_says_nothing_of_other_blocks() {
        let [quiz, _] = scopes();
        let census = Census::new(&quiz, &Counts::default(), Some(score(640)));
        assert_eq!(census.rank(score(703)), Some(1));
        assert_eq!((census.rank(score(639)), census.rank(score(704))), (None, None));
        assert_eq!(Census::new(&quiz, &Counts::default(), None).rank(score(640)), None);
    }
}
