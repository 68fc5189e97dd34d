//! Leaderboards: who stands where, exactly, on a board of any size.
//!
//! A *scope* is a quiz, or `global`, where experience points (XP) of all quizzes add up. Each scope has a
//! board of all time and one for each ISO week (UTC). A user's *standing* in a scope says which place they
//! have on each of its boards. It is the truth: an entry of a board stands where its user's standing says,
//! and the counters are sums over entries.
//!
//! | file | what |
//! |---|---|
//! | `board.rs` | scopes, boards, scores, and the pages that a board's entries are kept in |
//! | `week.rs` | ISO weeks |
//! | `standing.rs` | a user's places, and how a result, leaving and coming back change them |
//! | `tree.rs` | the counter tree, which knows a rank without counting entries |
//! | `lane.rs` | which of several equal queues a user's moves wait in |

mod board;
mod lane;
mod standing;
mod tree;
mod week;

pub use board::{Board, BoardScore, EntryPage, Period, Scope};
pub use lane::{LANES, Lane, ScopeLane};
pub use standing::{Change, Improvement, Move, Place, Standing, improve};
pub use tree::{Block, Census, Counts, Deltas, Node, WIDTH, block_of};
pub use week::{InvalidWeek, IsoWeek};
