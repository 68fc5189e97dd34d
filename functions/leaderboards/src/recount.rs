//! Recounts for administrators.

use std::time::Duration;

use axum::{extract::State, http::StatusCode};
use minigate_domain::leaderboards::{Board, Scope};
use minigate_platform::{
    Code, Platform, Problem,
    auth::LiveAdmin,
    extract::{Json, Path, Query, Service},
};
use minigate_service::{
    leaderboards::{Difference, Leaderboards, RecountOutcome, RecountStep, Recounted},
    quizzes::Quizzes,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{self, BoardOut};

pub(crate) const RECOUNT_BUSY: Code = Code::new(
    "recount_busy",
    StatusCode::CONFLICT,
    "The leaderboard changes too much at the moment to be compared",
);

/// Compares the counters of a leaderboard with its entries, step by step.
///
/// Each answer names the `next` step; the last one has none. Ranks stay available, and users go on. With
/// `repair=true`, counters that are wrong are set right; the audit log records each step. Each step can be repeated.
#[utoipa::path(
    post, path = "/v1/leaderboards/{board}/recount", tag = "leaderboards", operation_id = "recount_leaderboard",
    params(
        ("board" = String, Path, description = "The id of a quiz, or `global`", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("period" = Option<wire::PeriodWire>, Query, description = "The board of all time, which is the default, or of a week"),
        ("week" = Option<String>, Query, description = "With `period=week`: an ISO week, the present one by default", pattern = "^[0-9]{4}-W[0-9]{2}$", min_length = 8, max_length = 8),
        ("step" = Option<String>, Query, description = "The `next` of the answer before; the first step by default", pattern = "^([0-9]{1,2}|sums)$", max_length = 4),
        ("repair" = Option<bool>, Query, description = "Whether to repair what is wrong"),
    ),
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 200, description = "What the step has found", body = RecountOut),
        (status = 404, description = "There is no such board, or that of this week has not begun or is not kept any more"),
        (status = 409, description = "So much changes at the moment that nothing can be compared; retry later"),
    ),
)]
pub(crate) async fn recount_leaderboard(
    State(platform): State<Platform>,
    LiveAdmin(admin): LiveAdmin,
    Service(leaderboards): Service<Leaderboards>,
    Service(quizzes): Service<Quizzes>,
    Path(scope): Path<Scope>,
    query: Query,
) -> Result<Json<RecountOut>, Problem> {
    let [period, week, step, repair] = query.optional(["period", "week", "step", "repair"])?;
    let board = crate::board(scope, period, week, platform.now())?;
    crate::check_exists(&quizzes, &board.scope).await?;
    let invalid = |field, message| Problem::new(Code::QUERY_INVALID).field(field, message);
    let repairs = match repair.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(invalid("repair", "must be `true` or `false`")),
    };
    let steps = Leaderboards::recount_steps(&board);
    let names: Vec<String> = steps.iter().map(|step| name(*step)).collect();
    let index = match step {
        None => 0,
        Some(step) => names.iter().position(|name| *name == step).ok_or_else(|| {
            invalid("step", "must be the `next` of the answer before, of the same board")
        })?,
    };
    let step = *steps.get(index).ok_or_else(|| invalid("step", "must be a step"))?;
    match leaderboards.recount(&board, step, repairs, admin.id).await? {
        RecountOutcome::Done(recounted) => {
            let next = names.get(index + 1).cloned();
            Ok(Json(RecountOut::new(&board, name(step), next, recounted)))
        }
        RecountOutcome::Busy => Err(Problem::new(RECOUNT_BUSY).retry_after(Duration::from_secs(5))),
    }
}

fn name(step: RecountStep) -> String {
    match step {
        RecountStep::Page(page) => page.get().to_string(),
        RecountStep::Sums => "sums".to_owned(),
    }
}

/// What a step of a recount has found.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecountOut {
    /// The id of a quiz, or `global`.
    #[schema(min_length = 3, max_length = 40)]
    board: String,
    /// The step.
    #[schema(max_length = 4)]
    step: String,
    /// How many entries were read.
    entries: u64,
    /// How many changes were waiting to be counted, and so are rightly missing.
    waiting: usize,
    /// Counters that were wrong. At most 100: if there are as many, repeat the step.
    #[schema(max_items = 100)]
    differences: Vec<CounterDifferenceOut>,
    /// The next step; absent from the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, max_length = 4)]
    next: Option<String>,
}

impl RecountOut {
    fn new(board: &Board, step: String, next: Option<String>, recounted: Recounted) -> Self {
        let Recounted { entries, waiting, differences } = recounted;
        let differences = differences.into_iter().map(CounterDifferenceOut::from).collect();
        Self { board: BoardOut::name(board), step, entries, waiting, differences, next }
    }
}

/// A counter that was wrong.
#[derive(Serialize, ToSchema)]
struct CounterDifferenceOut {
    /// The lane that adds to it.
    #[schema(maximum = 7)]
    lane: u8,
    /// The level of its node; the root is 0.
    #[schema(maximum = 3)]
    level: u8,
    /// The first digits, in base 64, of the scores that the node counts.
    prefix: u32,
    /// The digit that it counts.
    #[schema(maximum = 63)]
    digit: usize,
    /// What it was.
    counted: i64,
    /// What it should be.
    expected: i64,
    /// Whether it is now.
    is_repaired: bool,
}

impl From<Difference> for CounterDifferenceOut {
    fn from(found: Difference) -> Self {
        let Difference { lane, node, digit, counted, expected, is_repaired } = found;
        let (level, prefix) = (node.level, node.prefix);
        Self { lane: lane.get(), level, prefix, digit, counted, expected, is_repaired }
    }
}
