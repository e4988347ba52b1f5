//! How long the evidence of hardware takes to verify, against the crates that others use for it, on the same samples and in
//! the same run. One thread.
//!
//!     cargo run --release --bin attestation [-- --rounds N]
//!
//! Each figure is the best of its rounds. Rounds of what is compared alternate, so that a busy machine slows both alike.

mod dcap;
mod snp;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use strongroom_benches::Failure;
use strongroom_benches::arguments::Arguments;

fn main() -> ExitCode {
    strongroom_benches::end("attestation", run())
}

fn run() -> Result<(), Failure> {
    let arguments = Arguments::read(&["rounds"])?;
    let rounds = arguments.bounds(1.0, 1)?.rounds.max(5);
    dcap::run(rounds)?;
    snp::run(rounds)
}

/// Calls in one round: enough to be measured, few enough to be left alone.
const CALLS: u32 = 50;

/// One way to do something, with its name.
type Way<'a> = (&'static str, &'a mut dyn FnMut() -> Result<(), Failure>);

/// Measures each way in turn, round after round, and prints each beside the first.
fn compare<const N: usize>(rounds: usize, mut ways: [Way<'_>; N]) -> Result<(), Failure> {
    let mut best = [Duration::MAX; N];
    for _ in 0..rounds {
        for ((_, act), best) in ways.iter_mut().zip(&mut best) {
            let started = Instant::now();
            for _ in 0..CALLS {
                act()?;
            }
            *best = started.elapsed().min(*best);
        }
    }
    let first = best.first().copied().unwrap_or_default().as_secs_f64();
    for ((name, _), best) in ways.iter().zip(best) {
        let micros = best.as_secs_f64() * 1e6 / f64::from(CALLS);
        println!(
            "  {name:<58} {micros:>9.1} µs   {:>6.1} %",
            best.as_secs_f64() * 100.0 / first
        );
    }
    println!();
    Ok(())
}
