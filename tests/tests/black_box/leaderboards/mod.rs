//! `/v1/leaderboards` and `/v1/me/leaderboards`.

mod bad_input;
mod local_only;

use minigate_tests::{Answer, Deployment};

const CACHEABLE: [&str; 2] = ["access-control-allow-origin", "etag"];

/// A page of a board.
async fn list(api: &Deployment, path: &str) -> Answer {
    api.get(path).send().await
}

#[tokio::test]
async fn anyone_reads_a_board_and_caches_may_keep_it() {
    let api = Deployment::shared();
    for path in ["/v1/leaderboards/global", "/v1/leaderboards/global?period=week"] {
        let answer = list(&api, path).await;
        let page = answer.assert_success(200, &CACHEABLE);
        assert_eq!(page["board"], "global");
        assert!(page["participants"].is_u64() && page["entries"].is_array(), "{page}");
        assert_eq!(page["week"].is_string(), path.contains("week"), "{page}");
        let cache_control = answer.header("cache-control").unwrap();
        assert!(cache_control.starts_with("public, max-age=5, stale-while-revalidate="));
        let tag = answer.header("etag").unwrap().to_owned();
        let again = api.get(path).header("if-none-match", &tag).send().await;
        // Another test may have moved somebody meanwhile.
        assert!(again.status == 304 || again.header("etag") != Some(&tag), "{}", again.body);
    }
}

#[tokio::test]
async fn whoever_has_no_result_is_on_no_board() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let path = "/v1/me/leaderboards/global";
    let place = api.get(path).bearer(&session.tokens.access).send().await;
    let place = place.assert_success(200, &[]);
    assert_eq!((&place["has_left"], place.get("own")), (&false.into(), None));
    assert_eq!(place["neighbours"], serde_json::json!([]));
    for (request, has_left) in [(api.delete(path), true), (api.put(path), false)] {
        let answer = request.bearer(&session.tokens.access).send().await;
        assert_eq!(answer.status, 204, "{}", answer.body);
        let place = api.get(path).bearer(&session.tokens.access).send().await;
        assert_eq!(place.json()["has_left"], has_left);
    }
}
