//! What a prediction costs beyond the engine: a plain server over REST and gRPC, with and without TLS, on 1, 8 and 64
//! connections, against the same engine called in a loop, in the same run.
//!
//!     cargo xtask bench serving [--programs FOLDER] [--tensorflow_library PATH] [--seconds S] [--count N] [--rounds N]
//!                               [--models NAME,…] [--rate N]
//!
//! `wrk` drives REST and `h2load` gRPC (Debian packages `wrk` and `nghttp2-client`): both cost the machine less than the
//! server does. Neither reads a gRPC status, so after each row the server's own counters must say that every request
//! succeeded. An open-loop generator of our own then sends gRPC requests at a fixed rate, whatever the answers do, and
//! counts statuses and latencies from the moment when a request was due.
//!
//! The column to look at is processor time per request: it says the same however busy client and machine are. All load
//! goes to loopback.

mod models;
mod open_loop;
mod server;
mod tools;

use std::process::ExitCode;
use std::time::Duration;

use strongroom_benches::Failure;
use strongroom_benches::arguments::Arguments;
use strongroom_benches::load::{self, Bounds};
use strongroom_benches::programs::Programs;
use strongroom_benches::wire::Protocol;

use models::Subject;
use server::{Security, Server};

const CONNECTIONS: [usize; 3] = [1, 8, 64];

fn main() -> ExitCode {
    strongroom_benches::end("serving", run())
}

fn run() -> Result<(), Failure> {
    let arguments = Arguments::read(&[
        "programs",
        "tensorflow_library",
        "seconds",
        "count",
        "rounds",
        "models",
        "rate",
    ])?;
    let bounds = arguments.bounds(2.0, 1_000_000)?;
    tools::check_installed()?;
    let programs = Programs::find(arguments.path("programs"), &["strongroom-inference"])?;
    let folder = tempfile::tempdir()?;
    let subjects = models::subjects(
        folder.path(),
        arguments.path("tensorflow_library"),
        arguments.text("models"),
    )?;
    let cores = std::thread::available_parallelism()?.get();
    println!(
        "serving: {cores} cores for client and server together; middle of {} rounds of {} s",
        bounds.rounds,
        bounds.time.as_secs_f64()
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for subject in &subjects {
        measure(
            &runtime,
            &programs,
            subject,
            bounds,
            folder.path(),
            arguments.text("rate"),
        )?;
    }
    Ok(())
}

fn measure(
    runtime: &tokio::runtime::Runtime,
    programs: &Programs,
    subject: &Subject,
    bounds: Bounds,
    folder: &std::path::Path,
    rate: Option<&str>,
) -> Result<(), Failure> {
    println!(
        "\n{:<34} {:>9} {:>9} {:>9} {:>14} {:>13}",
        subject.title, "req/s", "p50 ms", "p99 ms", "processor us", "beyond engine"
    );
    let engine = engine_alone(subject, bounds)?;
    println!(
        "{:<34} {:>9.0} {:>9} {:>9} {:>14.1} {:>13}",
        "engine in a loop, 1 thread",
        engine.per_second,
        "",
        "",
        engine.processor.as_secs_f64() * 1e6,
        ""
    );
    for security in [Security::Plain, Security::Tls] {
        let server = Server::start(programs, subject, security, folder)?;
        for protocol in [Protocol::Rest, Protocol::Grpc] {
            runtime.block_on(server.check(protocol))?;
            for connections in CONNECTIONS {
                let mut rounds = Vec::new();
                for _ in 0..bounds.rounds {
                    rounds.push(server.load(protocol, connections, bounds)?);
                }
                rounds.sort_by(|a, b| a.processor.cmp(&b.processor));
                let middle = &rounds[rounds.len() / 2];
                let beyond = middle.processor.as_secs_f64() - engine.processor.as_secs_f64();
                println!(
                    "{:<34} {:>9.0} {:>9} {:>9} {:>14.1} {:>13.1}",
                    format!(
                        "{}, {}, {connections} connection(s)",
                        protocol.name(),
                        security.name()
                    ),
                    middle.per_second,
                    middle.p50.map_or_else(String::new, load::ms),
                    middle.p99.map_or_else(String::new, load::ms),
                    middle.processor.as_secs_f64() * 1e6,
                    beyond * 1e6
                );
            }
        }
        if security == Security::Plain {
            let rate = match rate {
                Some(text) => text
                    .parse()
                    .map_err(|_| "--rate takes a number of requests a second")?,
                None => engine.per_second.min(OPEN_LOOP_RATE),
            };
            let seen = runtime.block_on(open_loop::run(&server, rate, bounds))?;
            println!("{seen}");
        }
    }
    Ok(())
}

struct Engine {
    per_second: f64,
    processor: Duration,
}

/// The bare engine on one thread: what no server can be faster than.
fn engine_alone(subject: &Subject, bounds: Bounds) -> Result<Engine, Failure> {
    let mut rounds = Vec::new();
    for _ in 0..bounds.rounds {
        let before = server::own_processor_time()?;
        let figures = load::on_threads(1, bounds, models::in_pool, || subject.run())?;
        let spent = server::own_processor_time()?.saturating_sub(before);
        rounds.push(Engine {
            per_second: figures.per_second,
            processor: spent / u32::try_from(figures.count)?,
        });
    }
    rounds.sort_by(|a, b| a.processor.cmp(&b.processor));
    let middle = rounds.len() / 2;
    rounds
        .into_iter()
        .nth(middle)
        .ok_or_else(|| "nothing was measured".into())
}

/// Far from what any of the models saturates at on two cores, so that the queue's length is not what is measured.
const OPEN_LOOP_RATE: f64 = 2000.0;
