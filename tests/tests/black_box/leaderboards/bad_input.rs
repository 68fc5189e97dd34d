//! What is refused.

use minigate_tests::Deployment;

#[tokio::test]
async fn parameters_that_make_no_sense() {
    let api = Deployment::shared();
    let board = "/v1/leaderboards/global";
    for (query, status, code, field) in [
        ("?period=month", 400, "query_invalid", "period"),
        ("?period=", 400, "query_invalid", "period"),
        ("?week=2026-W48", 400, "query_invalid", "week"),
        ("?period=all&week=2026-W48", 400, "query_invalid", "week"),
        ("?period=week&week=2026-W60", 400, "week_invalid", "week"),
        ("?period=week&week=2025-W53", 400, "week_invalid", "week"),
        ("?period=week&week=2026-W00", 400, "week_invalid", "week"),
        ("?period=week&week=", 400, "week_invalid", "week"),
        ("?period=week&week=2019-W05", 404, "week_not_kept", "week"),
        ("?period=week&week=9999-W52", 404, "week_not_kept", "week"),
        ("?cursor=AAAA", 400, "board_cursor_invalid", "cursor"),
        ("?cursor=", 400, "board_cursor_invalid", "cursor"),
        ("?limit=5", 400, "query_invalid", "limit"),
        ("?period=all&period=all", 400, "query_invalid", "period"),
    ] {
        let answer = api.get(&format!("{board}{query}")).send().await;
        answer.assert_problem(status, code, &[field]);
    }
}

#[tokio::test]
async fn names_that_no_board_has() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    for name in ["GLOBAL", "x", "import", "a_b", "-rust", "global%232026-W48", "%00abc"] {
        let answer = api.get(&format!("/v1/leaderboards/{name}")).send().await;
        answer.assert_problem(400, "path_invalid", &["board"]);
        let path = format!("/v1/me/leaderboards/{name}");
        for request in [api.get(&path), api.put(&path), api.delete(&path)] {
            let answer = request.bearer(&session.tokens.access).send().await;
            answer.assert_problem(400, "path_invalid", &["board"]);
        }
    }
}

#[tokio::test]
async fn quizzes_that_there_are_not() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let board = "/v1/leaderboards/no-such-quiz";
    let own = "/v1/me/leaderboards/no-such-quiz";
    for request in [api.get(board), api.get(own), api.put(own), api.delete(own)] {
        let answer = request.bearer(&session.tokens.access).send().await;
        answer.assert_problem(404, "board_not_found", &[]);
    }
}

#[tokio::test]
async fn recounts_are_for_administrators_and_steps_must_exist() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let path = "/v1/leaderboards/global/recount";
    let as_user =
        api.post("/v1/leaderboards/global/recount").bearer(&session.tokens.access).send().await;
    as_user.assert_problem(403, "admin_required", &[]);
    let as_admin = api.bot.init_data(api.admin_id);
    for (query, field) in [("?step=15", "step"), ("?step=first", "step"), ("?repair=yes", "repair")]
    {
        let answer = api.post(&format!("{path}{query}")).tma(&as_admin).send().await;
        answer.assert_problem(400, "query_invalid", &[field]);
    }
}

#[tokio::test]
async fn without_credentials_there_is_no_own_place() {
    let api = Deployment::shared();
    let path = "/v1/me/leaderboards/global";
    for request in [
        api.get(path),
        api.put("/v1/me/leaderboards/global"),
        api.delete("/v1/me/leaderboards/global"),
    ] {
        let answer = request.send().await;
        answer.assert_problem(401, "authorization_missing", &["authorization"]);
    }
}
