//! Instances remember accounts, and what one of them changes holds for all at once.

use std::time::Duration;

use minigate_embedded_aws::protocol::Service;
use minigate_testkit::faults::{Fault, Target};
use minigate_tests::{Answer, Cloud, Deployment, Request, Tokens, eventually};
use serde_json::{Value, json};

async fn read(api: &Deployment, tokens: &Tokens) -> Answer {
    api.get("/v1/me").bearer(&tokens.access).send().await
}

async fn language(api: &Deployment, tokens: &Tokens) -> Value {
    read(api, tokens).await.assert_success(200, &["etag"])["language"].clone()
}

fn change(api: &Deployment, tokens: &Tokens, language: &str) -> Request {
    api.patch("/v1/me").bearer(&tokens.access).json(&json!({ "language": language }))
}

/// An instance that tells others of a change, and the others.
async fn instances() -> (Cloud, [Deployment; 3]) {
    let cloud = Cloud::start().await;
    let apis = [cloud.serve(&[]).await, cloud.serve(&[]).await, cloud.serve(&[]).await];
    (cloud, apis)
}

#[tokio::test]
async fn a_user_reads_their_own_write_from_any_instance() {
    let (_cloud, apis) = instances().await;
    let tokens = apis[0].new_session().await.tokens;
    for (turn, tag) in ["de", "fr", "es", "it", "pt", "nl"].into_iter().enumerate() {
        let changed = change(&apis[turn % 3], &tokens, tag).send().await;
        changed.assert_success(200, &["etag"]);
        for api in &apis {
            assert_eq!(language(api, &tokens).await, tag);
        }
    }
}

#[tokio::test]
async fn a_session_that_one_instance_ends_is_refused_by_all() {
    let (_cloud, apis) = instances().await;
    let user = apis[0].new_session().await.user_id;
    for how in ["one", "all", "reuse"] {
        println!("{how}");
        let tokens = apis[0].open_session(user).await.tokens;
        for api in &apis {
            read(api, &tokens).await.assert_success(200, &["etag"]);
        }
        let path = format!("/v1/sessions/{}", tokens.session_id);
        match how {
            "one" => {
                let ended = apis[0].delete(&path).bearer(&tokens.access).send().await;
                ended.assert_success(204, &[]);
            }
            "all" => {
                let all = apis[0].delete("/v1/sessions").bearer(&tokens.access).send().await;
                all.assert_success(204, &[]);
            }
            _ => {
                apis[0].refresh(&tokens.refresh).await.assert_success(200, &[]);
                let reused = apis[0].refresh(&tokens.refresh).await;
                reused.assert_problem(401, "refresh_token_reused", &["refresh_token"]);
            }
        }
        for api in &apis {
            api.assert_ended(&tokens).await;
        }
    }
}

/// An account that is remembered does not know of it yet.
#[tokio::test]
async fn a_session_is_good_at_once_on_instances_that_know_the_user() {
    let (_cloud, apis) = instances().await;
    let first = apis[0].new_session().await;
    for _ in 0..3 {
        for api in &apis {
            read(api, &first.tokens).await.assert_success(200, &["etag"]);
        }
        let second = apis[1].open_session(first.user_id).await.tokens;
        for api in &apis {
            read(api, &second).await.assert_success(200, &["etag"]);
        }
    }
}

#[tokio::test]
async fn a_user_who_comes_for_the_first_time_is_known_at_once() {
    let (_cloud, apis) = instances().await;
    let user = minigate_tests::random_user();
    let as_user = |api: &Deployment| api.get("/v1/me").tma(&api.bot.init_data(user));
    for api in &apis {
        as_user(api).send().await.assert_problem(404, "profile_not_found", &[]);
    }
    apis[0].open_session(user).await;
    for api in &apis {
        as_user(api).send().await.assert_success(200, &["etag"]);
    }
}

#[tokio::test]
async fn a_session_that_gives_way_to_another_is_refused_soon() {
    let cloud = Cloud::start().await;
    let one = [("MINIGATE_SESSIONS_PER_USER", "1")];
    let (api, other) = (cloud.serve(&one).await, cloud.serve(&one).await);
    let first = api.new_session().await;
    read(&other, &first.tokens).await.assert_success(200, &["etag"]);
    let second = api.open_session(first.user_id).await;
    eventually("the end of the session", async || {
        (read(&other, &first.tokens).await.status == 401).then_some(())
    })
    .await;
    read(&other, &second.tokens).await.assert_success(200, &["etag"]);
}

/// Other instances cannot be notified: nothing is changed, and the client is told to try again.
#[tokio::test]
async fn a_change_that_others_cannot_be_told_of_is_not_made() {
    let (cloud, [api, other, _]) = instances().await;
    let session = api.new_session().await;
    let tokens = &session.tokens;
    assert_eq!(language(&other, tokens).await, "en");
    let telling = || Target::from("UpdateItem").within("CACHE#");

    let put = || change(&api, tokens, "de").header("if-match", "\"1\"");
    let failing = cloud.inject(telling(), Fault::ServerError);
    put().send().await.assert_problem(503, "store_unavailable", &[]);
    assert_eq!(failing.hits(), 3, "it is tried three times");
    assert_eq!(language(&api, tokens).await, "en");
    drop(failing);
    let repeated = put().send().await.assert_success(200, &["etag"]);
    assert_eq!((&repeated["language"], &repeated["version"]), (&"de".into(), &2.into()));
    assert_eq!(language(&other, tokens).await, "de");

    let end = || api.delete("/v1/sessions").bearer(&tokens.access);
    let failing = cloud.inject(telling(), Fault::Refuse);
    end().send().await.assert_problem(503, "store_unavailable", &[]);
    drop(failing);
    api.assert_alive(tokens).await;
    end().send().await.assert_success(204, &[]);
    api.assert_ended(tokens).await;
    other.assert_ended(tokens).await;
}

#[tokio::test]
async fn a_reuse_that_others_cannot_be_told_of_ends_the_session_later() {
    let (cloud, [api, other, _]) = instances().await;
    let tokens = api.new_session().await.tokens;
    read(&other, &tokens).await.assert_success(200, &["etag"]);
    api.refresh(&tokens.refresh).await.assert_success(200, &[]);
    let failing = cloud.inject(Target::from("UpdateItem").within("CACHE#"), Fault::SwallowAnswer);
    api.refresh(&tokens.refresh).await.assert_problem(503, "store_unavailable", &[]);
    drop(failing);
    let repeated = api.refresh(&tokens.refresh).await;
    repeated.assert_problem(401, "refresh_token_reused", &["refresh_token"]);
    other.assert_ended(&tokens).await;
}

/// DynamoDB makes the change, and its answer is lost: no instance stays with what was before.
#[tokio::test]
async fn a_write_whose_answer_is_lost_leaves_no_instance_stale() {
    let (cloud, [api, other, _]) = instances().await;
    let session = api.new_session().await;
    let victim = api.open_session(session.user_id).await.tokens;
    let writes = || Target::from("UpdateItem").within("USER#");
    for tokens in [&session.tokens, &victim] {
        assert_eq!(language(&other, tokens).await, "en");
    }
    let lost = cloud.inject(writes(), Fault::SwallowAnswer);
    let failed = change(&api, &session.tokens, "de").send().await;
    failed.assert_problem(503, "store_unavailable", &[]);
    drop(lost);
    let served = read(&other, &session.tokens).await;
    assert_eq!(served.assert_success(200, &["etag"])["language"], "de");
    let next =
        change(&other, &session.tokens, "fr").header("if-match", served.header("etag").unwrap());
    next.send().await.assert_success(200, &["etag"]);

    for path in [format!("/v1/sessions/{}", victim.session_id), "/v1/sessions".to_owned()] {
        let lost = cloud.inject(writes(), Fault::SwallowAnswer);
        let failed = api.delete(&path).bearer(&session.tokens.access).send().await;
        failed.assert_problem(503, "store_unavailable", &[]);
        assert_eq!(lost.hits(), 1);
        drop(lost);
        other.assert_ended(&victim).await;
    }
    other.assert_ended(&session.tokens).await;
}

/// The deadline stops the request and not the change.
#[tokio::test]
async fn a_change_goes_on_when_its_request_is_stopped() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_REQUEST_SECONDS", "1")]).await;
    let other = cloud.serve(&[]).await;
    let tokens = api.new_session().await.tokens;
    assert_eq!(language(&other, &tokens).await, "en");
    assert_eq!(language(&api, &tokens).await, "en");
    let late = Fault::DelayRequest(Duration::from_millis(1_200));
    let slow = cloud.inject_times(1, Target::from("UpdateItem").within("USER#"), late);
    let stopped = change(&api, &tokens, "de").send().await;
    stopped.assert_problem(503, "deadline_exceeded", &[]);
    assert_eq!(slow.hits(), 1);
    eventually("the change", async || (language(&other, &tokens).await == "de").then_some(()))
        .await;
    assert_eq!(language(&api, &tokens).await, "de");
}

/// DynamoDB does not answer at all.
#[tokio::test]
async fn who_was_seen_before_an_outage_can_read_during_it() {
    let (cloud, [api, other, _]) = instances().await;
    let session = api.new_session().await;
    let init_data = api.bot.init_data(session.user_id);
    read(&api, &session.tokens).await.assert_success(200, &["etag"]);
    for fault in [Fault::Refuse, Fault::ServerError, Fault::Throttle] {
        println!("{fault:?}");
        let outage = cloud.proxy().inject(Service::DynamoDb, fault);
        for _ in 0..4 {
            let served = read(&api, &session.tokens).await;
            assert_eq!(served.assert_success(200, &["etag"])["id"], session.user_id);
            let served = api.get("/v1/me").tma(&init_data).send().await;
            served.assert_success(200, &["etag"]);
        }
        // Nothing is changed by a session that cannot be checked, and nobody is made up.
        let refused = change(&api, &session.tokens, "de").send().await;
        refused.assert_problem(503, "store_unavailable", &[]);
        read(&other, &session.tokens).await.assert_problem(503, "store_unavailable", &[]);
        drop(outage);
    }
    eventually("the end of the pause", async || {
        (change(&api, &session.tokens, "de").send().await.status == 200).then_some(())
    })
    .await;
    assert_eq!(language(&api, &session.tokens).await, "de");
}

/// The table of the invalidations alone is down: everything is loaded, and nothing is wrong.
#[tokio::test]
async fn without_invalidations_accounts_are_loaded() {
    let (cloud, [api, other, _]) = instances().await;
    let session = api.new_session().await;
    read(&api, &session.tokens).await.assert_success(200, &["etag"]);
    let path = format!("/v1/sessions/{}", session.tokens.session_id);
    other.delete(&path).bearer(&session.tokens.access).send().await.assert_success(204, &[]);
    let failing = cloud.inject(Cloud::cache(), Fault::Refuse);
    read(&api, &session.tokens).await.assert_problem(401, "session_revoked", &[]);
    assert!(failing.hits() > 0);
}

/// The other way round: what has been checked needs nothing of the table with the accounts.
#[tokio::test]
async fn accounts_that_are_checked_need_no_load() {
    let (cloud, [api, ..]) = instances().await;
    let session = api.new_session().await;
    read(&api, &session.tokens).await.assert_success(200, &["etag"]);
    let failing = cloud.inject("Query", Fault::Refuse);
    for _ in 0..3 {
        read(&api, &session.tokens).await.assert_success(200, &["etag"]);
    }
    assert_eq!(failing.hits(), 0);
}

mod administrators {
    use super::*;

    fn as_admin(api: &Deployment, request: Request) -> Request {
        request.tma(&api.bot.init_data(api.admin_id))
    }

    /// Somebody mends an item by hand, past the API.
    async fn mend(cloud: &Cloud, user: u64, language: &str) {
        use aws_sdk_dynamodb::types::AttributeValue::S;
        let update = cloud.dynamodb().await.update_item().table_name("minigate-Main");
        update
            .key("PK", S(format!("USER#{user}")))
            .key("SK", S("ACCOUNT#PROFILE".to_owned()))
            .update_expression("SET #language = :language")
            .expression_attribute_names("#language", "language")
            .expression_attribute_values(":language", S(language.to_owned()))
            .send()
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn what_was_mended_by_hand_is_read_again() {
        let (cloud, [api, other, _]) = instances().await;
        let session = api.new_session().await;
        for (query, tag) in
            [(format!("tag=user%23{}", session.user_id), "de"), ("namespace=account".into(), "fr")]
        {
            let before = language(&other, &session.tokens).await;
            // What is loaded within a second after an invalidation is not.
            eventually("an account that is remembered", async || {
                cloud.reset_counts();
                read(&other, &session.tokens).await;
                (cloud.count("Query") == 0).then_some(())
            })
            .await;
            mend(&cloud, session.user_id, tag).await;
            assert_eq!(language(&other, &session.tokens).await, before, "it is remembered");
            let path = format!("/v1/system/cache?{query}");
            as_admin(&api, api.delete(&path)).send().await.assert_success(204, &[]);
            // A tag at once, a namespace within seconds.
            if query.starts_with("tag") {
                assert_eq!(language(&other, &session.tokens).await, tag);
            }
            eventually("the mended item", async || {
                (language(&other, &session.tokens).await == tag).then_some(())
            })
            .await;
        }
        let trail = as_admin(&api, api.get("/v1/system/audit")).send().await;
        let trail = trail.assert_success(200, &[]);
        let told = |entry: usize| {
            let entry = &trail["entries"][entry];
            assert_eq!(
                (&entry["action"], &entry["by"]),
                (&"cache.invalidated".into(), &api.admin_id.into())
            );
            entry["subject"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            [told(0), told(1)],
            ["namespace/account".to_owned(), format!("tag/user#{}", session.user_id)]
        );
    }

    #[tokio::test]
    async fn what_cannot_be_invalidated_is_refused_by_parameter_and_not_recorded() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let long = format!("tag={}", "x".repeat(256));
        for (query, field) in [
            ("", "tag"),
            ("tag=", "tag"),
            (long.as_str(), "tag"),
            ("tag=a&tag=b", "tag"),
            ("tag=a&namespace=account", "namespace"),
            ("namespace=", "namespace"),
            ("namespace=accounts", "namespace"),
            // No table has a part in it.
            ("namespace=jwks", "namespace"),
            ("user=1", "user"),
        ] {
            println!("{query}");
            let path = format!("/v1/system/cache?{query}");
            let refused = as_admin(&api, api.delete(&path)).send().await;
            refused.assert_problem(400, "query_invalid", &[field]);
        }
        let trail = as_admin(&api, api.get("/v1/system/audit")).send().await;
        assert_eq!(trail.assert_success(200, &[]), json!({ "entries": [] }));
    }

    #[tokio::test]
    async fn an_invalidation_that_fails_is_no_success() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let failing = cloud.inject(Cloud::cache(), Fault::ServerError);
        for query in ["tag=user%231", "namespace=account", "namespace=policies"] {
            let path = format!("/v1/system/cache?{query}");
            let failed = as_admin(&api, api.delete(&path)).send().await;
            failed.assert_problem(503, "store_unavailable", &[]);
        }
        assert_eq!(failing.hits(), 9);
        drop(failing);
        let _failing = cloud.inject("BatchGetItem", Fault::ServerError);
        let failed = as_admin(&api, api.get("/v1/system/cache")).send().await;
        failed.assert_problem(503, "store_unavailable", &[]);
    }

    #[tokio::test]
    async fn nothing_is_counted_at_first() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let told = as_admin(&api, api.get("/v1/system/cache")).send().await;
        let counts = json!({
            "hits": 0, "stale_served": 0, "misses": 0, "loads": 0, "load_errors": 0,
            "invalidated": 0, "calls": 0, "level_errors": 0, "level_pauses": 0,
        });
        let told = told.assert_success(200, &[]);
        let namespaces = told["namespaces"].as_object().unwrap();
        assert!(
            ["account", "policies"].iter().all(|name| namespaces.contains_key(*name)),
            "{told}"
        );
        assert!(namespaces.values().all(|counted| *counted == counts), "{told}");
    }
}
