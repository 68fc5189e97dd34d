//! Allocations per verification, beside the crate `init-data-rs`.
//!
//! Apart from `benches/verify.rs`, because counting takes time: it would slow down the side that
//! allocates more.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, or fails")]

mod captures;

use std::alloc::System;

use captures::{hmac_capture, third_party_capture};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let (hmac, third_party) = (hmac_capture(), third_party_capture());
    println!("| allocations per verification | ours              | init-data-rs      |");
    println!("|------------------------------|-------------------|-------------------|");
    let row = |name, ours: &dyn Fn(), theirs: &dyn Fn()| {
        println!("| {name:<28} | {:<17} | {:<17} |", count(ours), count(theirs));
    };
    row("HMAC-SHA256", &|| hmac.verify(), &|| hmac.verify_hash_with_theirs());
    row("Ed25519", &|| third_party.verify(), &|| third_party.verify_signature_with_theirs());
}

fn count(call: &dyn Fn()) -> String {
    call();
    let region = Region::new(ALLOCATOR);
    call();
    let change = region.change();
    format!("{}, {} bytes", change.allocations + change.reallocations, change.bytes_allocated)
}
