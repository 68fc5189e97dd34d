//! The limits of attempts.

use minigate_platform::limits::Limit;

/// Attempts that a user starts, at all quizzes together. A quiz has a limit of its own for each day.
pub const START: Limit = Limit::per_user("attempt-start", 10, 60).multiples([1, 2, 5, 20]);

/// All of them.
pub const LIMITS: &[Limit] = &[START];
