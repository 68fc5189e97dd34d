//! Leaderboards: who is best in a quiz, and in all of them.
//!
//! | route | who | store calls |
//! |---|---|---|
//! | `GET /v1/leaderboards/{board}` | anyone | none when warm, at most five seconds old |
//! | `GET /v1/me/leaderboards/{board}` | the user | 4 when warm: a read of the standing, two queries, a read of names; a read of counters more every five seconds, and at the edge of a board's page further queries |
//! | `DELETE /v1/me/leaderboards/{board}`, `PUT` | the user | 1 read, 1 transaction; the moves are counted in the background |
//! | `POST /v1/leaderboards/{board}/recount` | administrators | some queries for each megabyte of entries, step by step |
//!
//! A board is the id of a quiz, whose best scores it ranks in basis points, or `global`, which ranks experience
//! points (XP): a tenth of the best score in each quiz. Both have a board of all time and one for each ISO week (Monday
//! to Sunday, UTC), which can be read for five weeks after its end.
//!
//! A rank is one more than there are users with a higher score, so equal scores share it. Nobody's user id
//! is shown, and a name only of those who want theirs shown (`leaderboard_name` of the profile).

mod cursor;
mod recount;
mod wire;

use std::time::Duration;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use minigate_domain::{
    Timestamp,
    leaderboards::{Board, IsoWeek, Period, Scope},
};
use minigate_platform::{
    Code, Function, Needs, Platform, Problem, Router,
    auth::LiveUser,
    extract::{Json, Path, Query, Service},
    public::{self, Document, Freshness, IfNoneMatch},
    schemas,
};
use minigate_service::{
    leaderboards::{FRESH, Leaderboards, NAMESPACES},
    quizzes::{Freshest, Quizzes},
};
use utoipa_axum::routes;

use self::wire::{LeaderboardOut, OwnPlaceOut};

/// Caches of others add at most as much as ours.
const FRESHNESS: Freshness = Freshness {
    fresh: FRESH,
    while_revalidating: Duration::from_secs(30),
    if_error: Duration::from_secs(60 * 60),
};

const BOARD_NOT_FOUND: Code =
    Code::new("board_not_found", StatusCode::NOT_FOUND, "There is no leaderboard with this name");
const WEEK_INVALID: Code =
    Code::new("week_invalid", StatusCode::BAD_REQUEST, "There is no such ISO week");
const WEEK_NOT_KEPT: Code = Code::new(
    "week_not_kept",
    StatusCode::NOT_FOUND,
    "The board of this week has not begun or is not kept any more",
);
const CURSOR_INVALID: Code = Code::new(
    "board_cursor_invalid",
    StatusCode::BAD_REQUEST,
    "The cursor is not one of this leaderboard",
);

/// The function, as its `main` runs it and `cargo dev` serves it.
pub fn function() -> Function {
    Function::routes("leaderboards", router, Needs::ALL)
        .with_codes(&[
            BOARD_NOT_FOUND,
            WEEK_INVALID,
            WEEK_NOT_KEPT,
            CURSOR_INVALID,
            recount::RECOUNT_BUSY,
        ])
        .with_namespaces(&NAMESPACES)
}

/// The routes of this function.
pub fn router() -> Router {
    Router::new()
        .routes(routes!(read_leaderboard))
        .routes(routes!(read_own_place, join_leaderboard, leave_leaderboard))
        .routes(routes!(recount::recount_leaderboard))
}

/// Lists the users of a leaderboard, the best first, 50 a page.
///
/// A page is at most five seconds old. Of equal scores, the one that was reached first is listed first; their rank is
/// the same.
#[utoipa::path(
    get, path = "/v1/leaderboards/{board}", tag = "leaderboards", operation_id = "read_leaderboard",
    params(
        ("board" = String, Path, description = "The id of a quiz, or `global`", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("period" = Option<wire::PeriodWire>, Query, description = "Scores of all time, which is the default, or of a week"),
        ("week" = Option<String>, Query, description = "With `period=week`: an ISO week, the present one by default", pattern = "^[0-9]{4}-W[0-9]{2}$", min_length = 8, max_length = 8),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before", max_length = 64, pattern = "^[A-Za-z0-9_-]*$"),
        ("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "Entity tags of cached pages; a match is answered 304"),
    ),
    security(()),
    responses(
        (status = 200, description = "A page of the list", body = LeaderboardOut, headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The cached page is current", headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 404, description = "There is no such board, or that of this week has not begun or is not kept any more"),
    ),
)]
async fn read_leaderboard(
    State(platform): State<Platform>,
    Service(leaderboards): Service<Leaderboards>,
    Service(quizzes): Service<Quizzes>,
    Path(scope): Path<Scope>,
    query: Query,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let [period, week, cursor] = query.optional(["period", "week", "cursor"])?;
    let board = board(scope, period, week, platform.now())?;
    let behind = cursor.map(|text| cursor::decode(&board, &text)).transpose()?;
    check_exists(&quizzes, &board.scope).await?;
    let list = leaderboards.list(&board, behind).await?;
    let next = list.next.map(|spot| cursor::encode(&board, spot));
    let text = serde_json::to_string(&LeaderboardOut::new(&board, &list, next));
    let document = Document::new(text.map_err(Problem::internal)?);
    Ok(public::answer(&document, "application/json", FRESHNESS, &if_none_match))
}

/// Reads the user's own place on a leaderboard, and who is around them.
///
/// What the user has just reached shows at once. Others' places are at most five seconds behind.
#[utoipa::path(
    get, path = "/v1/me/leaderboards/{board}", tag = "leaderboards", operation_id = "read_own_place",
    params(
        ("board" = String, Path, description = "The id of a quiz, or `global`", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("period" = Option<wire::PeriodWire>, Query, description = "Scores of all time, which is the default, or of a week"),
        ("week" = Option<String>, Query, description = "With `period=week`: an ISO week, the present one by default", pattern = "^[0-9]{4}-W[0-9]{2}$", min_length = 8, max_length = 8),
    ),
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 200, description = "The user's place; without `own` if they are not on the board", body = OwnPlaceOut),
        (status = 404, description = "There is no such board, or that of this week has not begun or is not kept any more"),
    ),
)]
async fn read_own_place(
    State(platform): State<Platform>,
    LiveUser(user): LiveUser,
    Service(leaderboards): Service<Leaderboards>,
    Service(quizzes): Service<Quizzes>,
    Path(scope): Path<Scope>,
    query: Query,
) -> Result<Json<OwnPlaceOut>, Problem> {
    let [period, week] = query.optional(["period", "week"])?;
    let board = board(scope, period, week, platform.now())?;
    check_exists(&quizzes, &board.scope).await?;
    let place = leaderboards.own_place(&board, user.id).await?;
    Ok(Json(OwnPlaceOut::new(&board, place)))
}

/// Comes back to the boards that the user has left.
///
/// With the best results that they had meanwhile.
#[utoipa::path(
    put, path = "/v1/me/leaderboards/{board}", tag = "leaderboards", operation_id = "join_leaderboard",
    params(("board" = String, Path, description = "The id of a quiz, or `global`", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")),
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 204, description = "The user is on the boards where they have a score"),
        (status = 404, description = "There is no such board"),
    ),
)]
async fn join_leaderboard(
    LiveUser(user): LiveUser,
    Service(leaderboards): Service<Leaderboards>,
    Service(quizzes): Service<Quizzes>,
    Path(scope): Path<Scope>,
) -> Result<Response, Problem> {
    check_exists(&quizzes, &scope).await?;
    leaderboards.rejoin(&scope, user.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Leaves the boards of a quiz, or the global ones: of all time and of every week.
///
/// Results that come later do not enter them either. They still count for the user, who may come back.
#[utoipa::path(
    delete, path = "/v1/me/leaderboards/{board}", tag = "leaderboards", operation_id = "leave_leaderboard",
    params(("board" = String, Path, description = "The id of a quiz, or `global`", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")),
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 204, description = "The user is on none of the boards"),
        (status = 404, description = "There is no such board"),
    ),
)]
async fn leave_leaderboard(
    LiveUser(user): LiveUser,
    Service(leaderboards): Service<Leaderboards>,
    Service(quizzes): Service<Quizzes>,
    Path(scope): Path<Scope>,
) -> Result<Response, Problem> {
    check_exists(&quizzes, &scope).await?;
    leaderboards.leave(&scope, user.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Whether there are boards of this scope: of each quiz that was ever published, archived or not. From memory,
/// which reads a quiz every five minutes.
async fn check_exists(quizzes: &Quizzes, scope: &Scope) -> Result<(), Problem> {
    let Scope::Quiz(id) = scope else { return Ok(()) };
    match quizzes.face(id, Freshest::Cached).await? {
        Some(_) => Ok(()),
        None => Err(Problem::new(BOARD_NOT_FOUND)),
    }
}

/// The board that these parameters name.
fn board(
    scope: Scope,
    period: Option<String>,
    week: Option<String>,
    now: Timestamp,
) -> Result<Board, Problem> {
    let invalid = |field, message| Err(Problem::new(Code::QUERY_INVALID).field(field, message));
    let period = match (period.as_deref(), week) {
        (None | Some("all"), None) => Period::All,
        (None | Some("all"), Some(_)) => {
            return invalid("week", "needs `period=week` beside it");
        }
        (Some("week"), None) => Period::Week(IsoWeek::of(now)),
        (Some("week"), Some(text)) => {
            let week: IsoWeek = text
                .parse()
                .map_err(|error| Problem::new(WEEK_INVALID).field("week", format!("{error}")))?;
            if !week.is_readable(now) {
                return Err(Problem::new(WEEK_NOT_KEPT).field(
                    "week",
                    format!(
                        "must be the present week, {}, or one of the five before",
                        IsoWeek::of(now)
                    ),
                ));
            }
            Period::Week(week)
        }
        (Some(_), _) => return invalid("period", "must be `all` or `week`"),
    };
    Ok(Board { scope, period })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24, in week 48.
    const NOW: Timestamp = Timestamp::from_unix_millis(1_795_478_400_000);

    fn named(period: Option<&str>, week: Option<&str>) -> Result<String, Code> {
        let [period, week] = [period, week].map(|text| text.map(str::to_owned));
        let board = board(Scope::Global, period, week, NOW);
        board.map(|board| board.to_string()).map_err(|problem| problem.code())
    }

    #[test]
    fn boards_by_their_parameters() {
        for (period, week, expected) in [
            (None, None, Ok("global")),
            (Some("all"), None, Ok("global")),
            (Some("week"), None, Ok("global#2026-W48")),
            (Some("week"), Some("2026-W43"), Ok("global#2026-W43")),
            (Some("week"), Some("2026-W42"), Err(WEEK_NOT_KEPT)),
            (Some("week"), Some("2026-W49"), Err(WEEK_NOT_KEPT)),
            (Some("week"), Some("2026-W60"), Err(WEEK_INVALID)),
            (Some("week"), Some("2025-W53"), Err(WEEK_INVALID)),
            (Some("all"), Some("2026-W48"), Err(Code::QUERY_INVALID)),
            (None, Some("2026-W48"), Err(Code::QUERY_INVALID)),
            (Some("month"), None, Err(Code::QUERY_INVALID)),
            (Some("WEEK"), None, Err(Code::QUERY_INVALID)),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(named(period, week), expected, "{period:?} {week:?}");
        }
    }
}
