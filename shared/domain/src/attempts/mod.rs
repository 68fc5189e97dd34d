//! Attempts: one user's way through one version of a quiz.
//!
//! ```text
//! start ──► open ──(submit, next start, a read or the sweep, whoever is first)──► scored
//!            │ ▲
//!            └─┘ answer, before the deadline, again and in any order
//! ```
//!
//! An [`Attempt`] keeps a seed, from which a [`Paper`] draws its questions and their orders whenever they are
//! needed. What is right is known only to [`score`], and shown only by a [`Review`], which takes a scored
//! attempt: before that, no type here can hold any of it.
//!
//! # Marks
//!
//! A question of weight *w* earns up to *w* · 10,000 [`Marks`](crate::quizzes::Marks). All arithmetic is of
//! integers; shares are rounded down.
//!
//! | kind | earns |
//! |---|---|
//! | single | the credit of the choice |
//! | multiple | the credits of the choices, added up |
//! | number, text | the credit of the first range or text that matches |
//! | ordering | the share of steps that are directly followed by the right one |
//! | matching | the share of prompts with the right answer |
//!
//! An answer that earns nothing costs the question's penalty, and no answer costs more than that. A question
//! without an answer earns and costs nothing. An attempt never has less than nothing in all.

mod answer;
mod attempt;
mod certifying;
mod marking;
mod normal;
mod paper;
mod review;
#[cfg(test)]
mod tests;

pub use answer::{AnswerKind, AnswerText, Given, Misfit, Shape};
pub use attempt::{Answer, AnswerRefusal, Attempt, NewAttempt, Score};
pub use certifying::HeldCertificate;
pub use marking::score;
pub use paper::{Asked, Length, Paper};
pub use review::{Review, Reviewed, Right, Verdict};
