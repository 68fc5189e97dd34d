//! The limits of all functions together: what they promise, and the catalogue of them and of the namespaces.

use std::{collections::BTreeSet, path::Path};

use minigate_domain::{LimitChange, Tier, WithoutStore};
use minigate_local::limits;
use minigate_platform::limits::{ADMIN, API, DeployedLimits, InvalidLimit, Limit};
use sessions::{LOGIN, LOGIN_ADDRESS, REFRESH};
use verify::VERIFY;

fn with(limit: &Limit, change: LimitChange) -> Result<DeployedLimits, InvalidLimit> {
    DeployedLimits::new(limits::all(), [(limit.name.to_owned(), change)].into())
}

#[test]
fn the_administrators_function_has_the_catalogue_of_all_functions() {
    let committed = include_str!("../../../../functions/system/src/catalogue.rs");
    assert!(
        committed == limits::catalogue()
            && system::LIMITS == limits::of_functions()
            && system::NAMESPACES == limits::namespaces(),
        "functions/system/src/catalogue.rs is out of date; `cargo xtask generate` writes it anew"
    );
}

/// A constant that no list names would be unknown where it is charged.
#[test]
fn every_limit_of_a_function_is_collected() {
    fn declared(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                declared(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for after in text.split(": Limit =").skip(1) {
                    let name = after.split('"').nth(1).unwrap();
                    assert!(found.insert(name.to_owned()), "two limits have the name {name}");
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    declared(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions")), &mut found);
    let collected: BTreeSet<String> =
        limits::of_functions().iter().map(|limit| limit.name.to_owned()).collect();
    assert_eq!(
        collected, found,
        "a limit is missing in the list `LIMITS` of its function, or that list in \
         infrastructure/local/src/limits.rs"
    );
}

#[test]
fn every_limit_has_a_name_of_its_own_and_is_valid() {
    let mut names = BTreeSet::new();
    for limit in limits::all().iter() {
        assert!(names.insert(limit.name), "two limits have the name {}", limit.name);
        // That of the limit which each instance keeps by itself.
        assert_ne!(limit.name, "address");
    }
    DeployedLimits::new(limits::all(), Default::default()).unwrap();
}

#[test]
fn the_defaults_are_what_the_product_promises() {
    let set = DeployedLimits::new(limits::all(), Default::default()).unwrap().set();
    let figures = |limit, tier| {
        let policy = set.policy(limit, tier).unwrap();
        (policy.limit(), policy.period().as_secs(), policy.burst())
    };
    assert_eq!(figures(&API, Tier::Free), (100, 60, 100));
    assert_eq!(figures(&API, Tier::Pro), (500, 60, 500));
    assert_eq!(figures(&API, Tier::Internal), (10_000, 60, 10_000));
    assert_eq!(figures(&LOGIN, Tier::Internal), (5, 60, 5));
    assert_eq!(figures(&LOGIN_ADDRESS, Tier::Free).0, 20);
    assert_eq!(figures(&REFRESH, Tier::Free), (30, 60, 30));
    assert_eq!(figures(&VERIFY, Tier::Free), (6_000, 60, 6_000));
    let closed: Vec<_> = limits::all()
        .iter()
        .filter(|limit| limit.without_store == WithoutStore::Closed)
        .map(|limit| limit.name)
        .collect();
    assert_eq!(closed, ["login", "login-address"]);
}

#[test]
fn no_change_of_a_limit_may_keep_all_administrators_out() {
    let none = LimitChange::default();
    let year = Some(31_622_400);
    let units = |limit| LimitChange { limit: Some(limit), ..none };
    let closed = LimitChange { without_store: Some(WithoutStore::Closed), ..none };
    for (limit, change, field) in [
        (&ADMIN, LimitChange { period_seconds: year, ..units(1) }, "limit"),
        (&ADMIN, closed, "without_store"),
        (&LOGIN, LimitChange { period_seconds: year, ..units(1) }, "period_seconds"),
        (&LOGIN_ADDRESS, LimitChange { period_seconds: year, ..none }, "period_seconds"),
        (&REFRESH, LimitChange { period_seconds: Some(3_601), ..units(1) }, "period_seconds"),
        (&VERIFY, LimitChange { burst: Some(199), ..none }, "burst"),
    ] {
        let refusal = with(limit, change).unwrap_err();
        assert_eq!((refusal.limit, refusal.field), (limit.name, field), "{refusal}");
    }
    assert!(with(&LOGIN, LimitChange { period_seconds: Some(3_600), ..units(1) }).is_ok());
    assert!(with(&API, LimitChange { period_seconds: year, ..units(1) }).is_ok());
}
