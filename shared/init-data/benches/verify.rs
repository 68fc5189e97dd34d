//! Time per verification, beside the crate `init-data-rs` in the same run.
//!
//! Ours and theirs take turns in short rounds, so that a slow phase of the machine hits both. The
//! table shows medians over the rounds; the targets are for a core with SHA extensions.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, or fails")]

mod captures;

use std::time::{Duration, Instant};

use captures::{hmac_capture, third_party_capture};

const ROUNDS: usize = 301;

/// One row of the table: two functions that do the same work.
struct Contest<'a> {
    name: &'a str,
    calls_per_round: u32,
    ours: &'a dyn Fn(),
    theirs: &'a dyn Fn(),
    max_ours: Option<Duration>,
    min_ratio: f64,
}

fn main() {
    let (hmac, third_party) = (hmac_capture(), third_party_capture());
    println!(
        "{} bytes of init data for HMAC, {} for Ed25519; medians of {ROUNDS} rounds\n",
        hmac.init_data.len(),
        third_party.init_data.len()
    );
    println!(
        "| verify and parse | ours     | init-data-rs | ratio | target                   |     |"
    );
    println!(
        "|------------------|---------:|-------------:|------:|--------------------------|-----|"
    );
    Contest {
        name: "HMAC-SHA256",
        calls_per_round: 200,
        ours: &|| hmac.verify(),
        theirs: &|| hmac.verify_hash_with_theirs(),
        max_ours: Some(Duration::from_micros(2)),
        min_ratio: 3.5,
    }
    .run();
    Contest {
        name: "Ed25519",
        calls_per_round: 20,
        ours: &|| third_party.verify(),
        theirs: &|| third_party.verify_signature_with_theirs(),
        max_ours: None,
        min_ratio: 1.0,
    }
    .run();
}

impl Contest<'_> {
    fn run(&self) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(self.time(self.ours));
            theirs.push(self.time(self.theirs));
        }
        let (ours, theirs) = (median(ours), median(theirs));
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
        let mut target = format!("ratio >= {:.1}", self.min_ratio);
        if let Some(max) = self.max_ours {
            target = format!("<= {} us, {target}", max.as_micros());
        }
        let is_met = ratio >= self.min_ratio && self.max_ours.is_none_or(|max| ours <= max);
        println!(
            "| {:<16} | {:>5.2} us | {:>9.2} us | {ratio:>5.2} | {target:<24} | {:<3} |",
            self.name,
            ours.as_secs_f64() * 1e6,
            theirs.as_secs_f64() * 1e6,
            if is_met { "met" } else { "NOT" },
        );
    }

    fn time(&self, call: &dyn Fn()) -> Duration {
        let start = Instant::now();
        for _ in 0..self.calls_per_round {
            call();
        }
        start.elapsed() / self.calls_per_round
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
