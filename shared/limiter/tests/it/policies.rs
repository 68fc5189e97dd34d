//! What is refused when it is loaded.

use std::time::Duration;

use minigate_limiter::{Leases, MAX_KEY_BYTES, MAX_PERIOD, Policy, PolicyBuilder};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

fn refusal(policy: PolicyBuilder) -> String {
    policy.build().unwrap_err().to_string()
}

#[test]
fn bad_policies_are_refused_with_a_message_that_names_them() {
    let rate = |limit| Policy::rate("api", limit, MINUTE);
    let cases = [
        (rate(0), "policy api: the limit 0 must be 1 to 999999999"),
        (rate(u32::MAX), "policy api: the limit 4294967295 must be 1 to 999999999"),
        (
            Policy::rate("api", 1, Duration::ZERO),
            "policy api: the period 0ns must be 1s to 366 days",
        ),
        (
            Policy::rate("api", 1, Duration::MAX),
            "policy api: the period 18446744073709551615.999999999s must be 1s to 366 days",
        ),
        (rate(600_001), "policy api: 600001 per 60s is more than 10000 per second"),
        (rate(9).burst(0), "policy api: the burst 0 must be 1 or more and refill within 366 days"),
        (
            Policy::rate("api", 1, DAY).burst(367),
            "policy api: the burst 367 must be 1 or more and refill within 366 days",
        ),
        (
            Policy::quota("daily", 10, DAY).burst(11),
            "policy daily: the burst 11 must be 1 or more and refill within 366 days",
        ),
        (
            rate(60).leases(Leases::For(Duration::from_secs(16))),
            "policy api: a lease of 16s must be at most a quarter of the time in which the burst \
             refills, 60s",
        ),
        (
            Policy::rate("", 1, MINUTE),
            "the policy name \"\" must have 1 to 64 characters, each a-z, 0-9, - or _",
        ),
        (
            Policy::rate("Api:1", 1, MINUTE),
            "the policy name \"Api:1\" must have 1 to 64 characters, each a-z, 0-9, - or _",
        ),
    ];
    for (policy, message) in cases {
        assert_eq!(refusal(policy), message);
    }
    let long = "x".repeat(65);
    assert!(refusal(Policy::rate(&long, 1, MINUTE)).contains("1 to 64 characters"));
}

#[test]
fn the_extremes_are_accepted() {
    for policy in [
        Policy::rate("api", 1, MAX_PERIOD),
        Policy::rate("api", 600_000, MINUTE),
        Policy::rate("api", 1, Duration::from_secs(1)).burst(1),
        Policy::rate("api", 999_999_999, MAX_PERIOD),
        Policy::quota("api", 999_999_999, MAX_PERIOD),
        Policy::quota("api", 1, Duration::from_secs(1)),
    ] {
        policy.build().unwrap();
    }
}

#[test]
fn keys_and_weights_are_checked() {
    let policy = Policy::rate("api", 100, MINUTE).burst(10).build().unwrap();
    let message = |key: &str| policy.on(key).unwrap_err().to_string();
    assert_eq!(message(""), "policy api: a key of 0 bytes; it must have 1 to 1024");
    let long = "k".repeat(MAX_KEY_BYTES + 1);
    assert_eq!(message(&long), "policy api: a key of 1025 bytes; it must have 1 to 1024");
    let limit = policy.on("user#1").unwrap();
    for weight in [0, 11] {
        assert_eq!(
            limit.weight(weight).unwrap_err().to_string(),
            format!("policy api: the weight {weight} must be 1 to the burst, 10")
        );
    }
    limit.weight(10).unwrap();
}

#[test]
fn leases_are_for_busy_policies_unless_told_otherwise() {
    let lease = |limit| Policy::rate("api", limit, MINUTE).build().unwrap().lease();
    assert_eq!(lease(5), Duration::ZERO);
    assert_eq!(lease(100), Duration::ZERO);
    assert_eq!(lease(6_000), Duration::from_secs(2));
    let off = Policy::rate("api", 6_000, MINUTE).leases(Leases::Off).build().unwrap();
    assert_eq!(off.lease(), Duration::ZERO);
}
