use proptest::prelude::*;

use super::*;

/// Waits the whole span.
const LONGEST: u64 = 2_500;

fn fail(breaker: &mut Breaker, times: usize, now: u64) {
    for _ in 0..times {
        let permit = breaker.admit(now).unwrap();
        breaker.record(permit, Verdict::Fault, now, LONGEST);
    }
}

#[test]
fn a_circuit_opens_probes_once_and_closes() {
    let mut breaker = Breaker::new(BreakerPolicy::default());
    fail(&mut breaker, 4, 0);
    assert_eq!(breaker.state(), CircuitState::Closed);
    fail(&mut breaker, 1, 0);
    assert_eq!(breaker.state(), CircuitState::Open { until_millis: 5_000 });
    assert_eq!(breaker.admit(4_000), Err(Duration::from_secs(1)));

    let probe = breaker.admit(5_000).unwrap();
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    assert!(breaker.admit(5_000).is_err(), "there is one probe");
    let closed = breaker.record(probe, Verdict::Works, 5_100, 0);
    assert_eq!(closed, Some(CircuitState::Closed));
    // The faults from before are forgotten.
    fail(&mut breaker, 4, 5_200);
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn each_failed_probe_doubles_the_wait_up_to_the_most() {
    let mut breaker = Breaker::new(BreakerPolicy::default());
    fail(&mut breaker, 5, 0);
    let mut now = 0;
    for expected in [5_000, 10_000, 20_000, 30_000, 30_000] {
        let CircuitState::Open { until_millis } = breaker.state() else { panic!("not open") };
        let wait = until_millis - now;
        assert!(wait > expected / 2 - 1 && wait <= expected, "{wait} of {expected}");
        now = until_millis;
        let probe = breaker.admit(now).unwrap();
        breaker.record(probe, Verdict::Fault, now, 7_919);
    }
}

#[test]
fn what_works_keeps_it_closed_and_old_faults_are_forgotten() {
    let mut breaker = Breaker::new(BreakerPolicy::default());
    for now in 0..100 {
        let permit = breaker.admit(now).unwrap();
        let verdict = if now % 5 > 2 { Verdict::Fault } else { Verdict::Works };
        breaker.record(permit, verdict, now, 0);
    }
    assert_eq!(breaker.state(), CircuitState::Closed, "40 % is below the share");

    let mut breaker = Breaker::new(BreakerPolicy::default());
    for now in (0..10).map(|step| step * 18_000) {
        fail(&mut breaker, 1, now);
        assert_eq!(breaker.state(), CircuitState::Closed, "4 faults within a minute, at most");
    }
}

#[test]
fn a_lost_probe_makes_the_next_call_the_probe() {
    let mut breaker = Breaker::new(BreakerPolicy::default());
    fail(&mut breaker, 5, 0);
    let lost = breaker.admit(5_000).unwrap();
    breaker.record(lost, Verdict::Nothing, 5_500, 0);
    let probe = breaker.admit(5_500).unwrap();
    // Whoever was lost says nothing any more.
    assert_eq!(breaker.record(lost, Verdict::Works, 5_500, 0), None);
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    breaker.record(probe, Verdict::Works, 5_600, 0);
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_it_open() {
    let mut breaker = Breaker::new(BreakerPolicy::default());
    fail(&mut breaker, 5, 1_000_000);
    assert!(breaker.admit(1_000_001).is_err());
    assert!(breaker.admit(1_000).is_ok());
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    Admit,
    Record(usize, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0_u64..8_000).prop_map(Step::Wait),
        4 => Just(Step::Admit),
        4 => (0_usize..8, 0_u8..3).prop_map(|(index, verdict)| Step::Record(index, verdict)),
    ]
}

proptest! {
    /// Whatever the order of attempts and answers: never two probes, never open for longer than the
    /// most, never open without the faults for it, and a call at the end of the wait always passes.
    #[test]
    fn the_machine_keeps_its_promises(
        steps in prop::collection::vec(step(), 1..300),
        random in any::<u64>(),
    ) {
        let policy = BreakerPolicy::default();
        let mut breaker = Breaker::new(policy);
        let (mut now, mut permits, mut faults) = (0, Vec::new(), 0);
        for (index, step) in steps.into_iter().enumerate() {
            let before = breaker.state();
            match step {
                Step::Wait(wait) => now += wait,
                Step::Admit => match (before, breaker.admit(now)) {
                    (CircuitState::Closed, admitted) => permits.push(admitted.unwrap()),
                    (CircuitState::HalfOpen, admitted) => prop_assert!(admitted.is_err()),
                    (CircuitState::Open { until_millis }, admitted) => {
                        prop_assert_eq!(admitted.is_ok(), now >= until_millis);
                        permits.extend(admitted);
                    }
                },
                Step::Record(chosen, verdict) if !permits.is_empty() => {
                    let permit = permits.remove(chosen % permits.len());
                    let verdict = [Verdict::Works, Verdict::Fault, Verdict::Nothing][verdict as usize];
                    faults += u32::from(verdict == Verdict::Fault);
                    breaker.record(permit, verdict, now, random.rotate_left(index as u32));
                }
                Step::Record(..) => {}
            }
            match (before, breaker.state()) {
                (CircuitState::Closed, CircuitState::Open { until_millis }) => {
                    prop_assert!(faults >= policy.min_faults);
                    prop_assert!(until_millis - now <= millis(policy.first_open));
                }
                (_, CircuitState::Open { until_millis }) => {
                    prop_assert!(until_millis.saturating_sub(now) <= millis(policy.max_open));
                }
                (_, CircuitState::Closed) if before != CircuitState::Closed => faults = 0,
                _ => {}
            }
        }
    }
}
