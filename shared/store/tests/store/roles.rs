use minigate_domain::{Grant, Role, RoleChange, RoleRefusal, Roles};
use minigate_store::{RoleOutcome, StoreError};
use minigate_testkit::faults::Fault;

use crate::bed::{Bed, user_id};

fn grant(bed: &Bed, by: u64, role: Role) -> RoleChange {
    let grant = Grant { granted_by: user_id(by), granted_at: bed.now(), expires_at: None };
    RoleChange::Grant(role, grant)
}

async fn change(
    bed: &Bed,
    user: u64,
    change: &RoleChange,
    has_others: bool,
) -> Result<RoleOutcome, StoreError> {
    let entry = bed.entry("role.changed");
    bed.accounts.change_role(user_id(user), change, has_others, &entry, bed.now()).await
}

async fn changed(bed: &Bed, user: u64, role_change: &RoleChange) -> Roles {
    match change(bed, user, role_change, true).await.unwrap() {
        RoleOutcome::Changed(roles) => roles,
        RoleOutcome::Refused(refusal) => panic!("{refusal}"),
    }
}

async fn has(bed: &Bed, user: u64, role: Role) -> bool {
    bed.accounts.account(user_id(user)).await.unwrap().roles.allow(role, bed.now())
}

#[tokio::test]
async fn a_grant_is_read_with_the_account_and_recorded() {
    let bed = Bed::start().await;
    let author = grant(&bed, 9, Role::Author);
    let unknown = change(&bed, 1, &author, true).await.unwrap();
    assert_eq!(unknown, RoleOutcome::Refused(RoleRefusal::UnknownUser));
    bed.open(1).await;
    let roles = changed(&bed, 1, &author).await;
    assert_eq!(bed.accounts.account(user_id(1)).await.unwrap().roles, roles);
    assert_eq!(bed.store.documents().await.unwrap().admins.unwrap(), Default::default());
    changed(&bed, 1, &RoleChange::Withdraw(Role::Author)).await;
    assert!(!has(&bed, 1, Role::Author).await);
    let trail = bed.store.newest_audit_entries(10).await.unwrap();
    let changes: Vec<_> = trail.into_iter().map(|entry| (entry.from, entry.to)).collect();
    let author = Some(r#"{"role":"author"}"#.to_owned());
    assert!(changes.contains(&(author.clone(), None)) && changes.contains(&(None, author)));
    assert_eq!(changes.len(), 2, "what is refused is not recorded");
}

#[tokio::test]
async fn two_administrators_who_withdraw_each_other_do_not_both_succeed() {
    let bed = Bed::start().await;
    for user in [1, 2] {
        bed.open(user).await;
        changed(&bed, user, &grant(&bed, 9, Role::Admin)).await;
    }
    let withdrawal = RoleChange::Withdraw(Role::Admin);
    let (first, second) =
        tokio::join!(change(&bed, 1, &withdrawal, false), change(&bed, 2, &withdrawal, false));
    let outcomes = [first.unwrap(), second.unwrap()];
    let refused = RoleOutcome::Refused(RoleRefusal::LastAdministrator);
    let refused = outcomes.iter().filter(|it| **it == refused);
    assert_eq!(refused.count(), 1, "{outcomes:?}");
    assert!(has(&bed, 1, Role::Admin).await != has(&bed, 2, Role::Admin).await);
    let admins = bed.store.documents().await.unwrap().admins.unwrap();
    assert_eq!(admins.admins.len(), 1);
}

#[tokio::test]
async fn a_grant_whose_answer_is_lost_is_made_and_recorded_once() {
    let bed = Bed::start().await;
    bed.open(1).await;
    let lost = bed.faults.inject_times(1, "TransactWriteItems", Fault::SwallowAnswer);
    let roles = changed(&bed, 1, &grant(&bed, 9, Role::Admin)).await;
    assert_eq!((lost.hits(), roles.version), (1, 1));
    assert_eq!(bed.store.newest_audit_entries(10).await.unwrap().len(), 1);
}
