//! The extractors for roles: who passes, for how long, and what an outage changes of it.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, header},
    response::Response,
    routing::get,
};
use minigate_domain::{BotId, Grant, Origin, Profile, Role, RoleChange, Session, UserId};
use minigate_embedded_aws::protocol::Service;
use minigate_init_data::Signer;
use minigate_platform::{
    Clock, Platform, Router,
    auth::{Admin, Author, LiveAdmin, Support},
    layers,
};
use minigate_service::accounts::{NewSession, OpenOutcome, RoleOutcome};
use minigate_testkit::faults::Fault;
use tower::ServiceExt;

use crate::bed::{Bed, OLD_TOKEN};

const SECOND: Duration = Duration::from_secs(1);

fn user() -> UserId {
    UserId::new(7).unwrap()
}

/// What the routes of the roles answer to the user 7 on this instance: author, support, an administrator
/// who looks, one who changes.
async fn statuses(bed: &Bed, platform: &Platform) -> [u16; 4] {
    let routes = Router::new()
        .route("/author", get(async |_: Author| "answer"))
        .route("/support", get(async |_: Support| "answer"))
        .route("/admin", get(async |_: Admin| "answer"))
        .route("/live-admin", get(async |_: LiveAdmin| "answer"));
    let mut statuses = [0; 4];
    for (status, path) in statuses.iter_mut().zip(["/author", "/support", "/admin", "/live-admin"])
    {
        let answer = ask(bed, platform, routes.clone(), path).await;
        *status = answer.status().as_u16();
    }
    bed.settle().await;
    statuses
}

async fn ask(bed: &Bed, platform: &Platform, routes: Router, path: &str) -> Response {
    let fields = ("user", r#"{"id":7,"first_name":"Ada"}"#);
    let now = bed.clock.now().unix_seconds();
    let init_data = Signer::from_bot_token(OLD_TOKEN).unwrap().sign(&[fields], now).unwrap();
    let request = Request::get(path).header(header::AUTHORIZATION, format!("tma {init_data}"));
    let request = request.body(Body::empty()).unwrap();
    layers::around(routes, platform).oneshot(request).await.unwrap()
}

/// With a user 7 who has had a session.
async fn start() -> Bed {
    let bed = Bed::start().await;
    bed.platform.warm().await;
    let (now, bot) = (bed.clock.now(), BotId::new(7).unwrap());
    let new = NewSession {
        session: Session::open(bot, Origin::default(), None, now, SECOND * 60),
        first_profile: Profile::first(user(), "Ada", None, Some("en"), now),
        limit: 5,
        one_time_use: None,
    };
    let opening = bed.platform.accounts.prepare_opening(user()).await.unwrap();
    let opened = opening.open(new, now).await.unwrap();
    assert!(matches!(opened, OpenOutcome::Opened(_)));
    bed
}

async fn change(bed: &Bed, change: RoleChange) {
    let (now, by) = (bed.clock.now(), UserId::new(42).unwrap());
    let changed = bed.platform.accounts.change_role(user(), change, true, by, now).await;
    assert!(matches!(changed.unwrap(), RoleOutcome::Changed(_)));
}

async fn grant(bed: &Bed, role: Role, lasts: Option<Duration>) {
    let now = bed.clock.now();
    let expires_at = lasts.map(|lasts| now.after(lasts));
    let grant = Grant { granted_by: UserId::new(42).unwrap(), granted_at: now, expires_at };
    change(bed, RoleChange::Grant(role, grant)).await;
}

#[tokio::test]
async fn each_extractor_takes_its_role_and_administrators() {
    let bed = start().await;
    let all = async || statuses(&bed, &bed.platform).await;
    assert_eq!(all().await, [403, 403, 403, 403]);
    for (role, expected) in [
        (Role::Author, [200, 403, 403, 403]),
        (Role::Support, [403, 200, 403, 403]),
        (Role::Admin, [200, 200, 200, 200]),
    ] {
        grant(&bed, role, None).await;
        assert_eq!(all().await, expected);
        change(&bed, RoleChange::Withdraw(role)).await;
        assert_eq!(all().await, [403, 403, 403, 403]);
    }
}

#[tokio::test]
async fn a_role_ends_at_its_moment_also_where_the_account_is_in_memory() {
    let bed = start().await;
    let other = bed.instance().await;
    grant(&bed, Role::Admin, Some(SECOND * 100)).await;
    bed.clock.advance(SECOND * 99);
    for platform in [&bed.platform, &other] {
        assert_eq!(statuses(&bed, platform).await, [200; 4]);
    }
    bed.clock.advance(SECOND);
    for platform in [&bed.platform, &other] {
        assert_eq!(statuses(&bed, platform).await, [403; 4]);
    }
}

/// Even an administrator who only looks: an outage must not keep a role alive that was withdrawn by an
/// instance which still reaches DynamoDB.
#[tokio::test]
async fn a_role_by_a_grant_is_not_believed_while_it_cannot_be_checked() {
    let bed = start().await;
    grant(&bed, Role::Admin, None).await;
    bed.clock.advance(SECOND * 60);
    assert_eq!(statuses(&bed, &bed.platform).await, [200; 4]);
    let outage = bed.faults.inject(Service::DynamoDb, Fault::Refuse);
    assert_eq!(statuses(&bed, &bed.platform).await, [503; 4]);
    drop(outage);
}
