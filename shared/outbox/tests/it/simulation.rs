//! What is promised, over many runs of the simulator.
//!
//! `OUTBOX_SIMULATION_SEED` and `OUTBOX_SIMULATION_RUNS` choose others.

use std::time::Duration;

use minigate_outbox::{Policy, Repeat};

use crate::simulator::{Outcome, Scenario, Simulator, has_ended};

const RUNS: u64 = 300;

fn from_environment(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "chooses the seeds of a test run")]
    let value = std::env::var(name).ok()?;
    value.parse().ok()
}

/// A day in the life of an outbox: each seed another one.
fn scenario(seed: u64) -> Scenario {
    let lease = [20, 60][(seed / 2 % 2) as usize];
    Scenario {
        seed,
        effects: 40,
        workers: [1, 2, 5][(seed % 3) as usize],
        policy: Policy {
            // Enough for all of the chaos; what happens when they are used up is in `rules`.
            attempts: 1_000,
            first_wait: Duration::from_secs(2),
            longest_wait: Duration::from_secs(120),
            lease: Duration::from_secs(lease),
            shards: [1, 4][(seed / 4 % 2) as usize],
        },
        faults: [0, 20, 4][(seed / 8 % 3) as usize],
        kills: [0, 200, 30][(seed / 5 % 3) as usize],
        // Up to far more than a lease, in either direction.
        skew: [0, 1_000, 300_000][(seed / 7 % 3) as usize],
        window: Duration::from_secs(7 * 86_400),
        chaos: Duration::from_secs(1_800),
    }
}

fn check(outcome: &Outcome) -> Result<(), String> {
    for (id, repeat) in &outcome.committed {
        let happened = outcome.happened.get(id).copied().unwrap_or_default();
        let left: Vec<_> =
            outcome.left.iter().filter(|(_, record)| record.effect.id == *id).collect();
        if happened > 1 {
            return Err(format!("{id} ({repeat:?}) happened {happened} times"));
        }
        if left.len() > 1 {
            return Err(format!("{id} is in {} places", left.len()));
        }
        match (repeat, happened, left.first()) {
            // It happened, and nothing is left of it.
            (_, 1, None) => {}
            // It is known that nobody knows.
            (Repeat::Never, _, Some((key, _))) if key.partition.ends_with("#unknown") => {}
            _ => {
                return Err(format!(
                    "{id} ({repeat:?}) happened {happened} times, and {left:?} is left"
                ));
            }
        }
    }
    if outcome.happened.len() > outcome.committed.len() {
        return Err("something happened that nobody committed".to_owned());
    }
    if outcome.left.iter().any(|(key, _)| !has_ended(key)) {
        return Err("something is still pending".to_owned());
    }
    Ok(())
}

fn run(seed: u64) -> Outcome {
    let scenario = scenario(seed);
    let outcome = Simulator::new(scenario.clone()).run();
    if let Err(broken) = check(&outcome) {
        panic!("seed {seed}: {broken}; {scenario:?}");
    }
    outcome
}

#[test]
fn each_effect_happens_once_or_nobody_knows_and_none_is_lost() {
    let first = from_environment("OUTBOX_SIMULATION_SEED").unwrap_or(1);
    let runs = from_environment("OUTBOX_SIMULATION_RUNS").unwrap_or(RUNS);
    let (mut committed, mut unknown, mut kills, mut errors, mut contended) = (0, 0, 0, 0, 0);
    for seed in first..first + runs {
        let outcome = run(seed);
        committed += outcome.committed.len();
        unknown += outcome.left.len();
        kills += outcome.kills;
        errors += outcome.report.table_errors;
        contended += outcome.report.contended;
    }
    println!(
        "{committed} effects, {unknown} unknown, {kills} kills, {errors} errors, {contended} contended"
    );
    if runs >= RUNS {
        // Otherwise nothing was tried.
        assert!(kills > 1_000 && errors > 1_000 && contended > 1_000 && unknown > 100);
        assert!(unknown * 4 < committed, "most effects happen");
    }
}

#[test]
fn without_faults_nothing_is_unknown() {
    for seed in 0..20 {
        let quiet = Scenario { faults: 0, kills: 0, skew: 0, ..scenario(seed) };
        let outcome = Simulator::new(quiet).run();
        assert_eq!(check(&outcome), Ok(()));
        assert!(outcome.left.is_empty(), "seed {seed}: {:?}", outcome.left);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let [first, second] = [(); 2].map(|()| run(71));
    assert_eq!(
        (first.events, first.left, first.happened),
        (second.events, second.left, second.happened)
    );
}
