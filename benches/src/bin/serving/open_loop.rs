//! gRPC requests at a fixed rate, whatever the answers do.
//!
//! A closed loop asks again only after an answer, so a server that stalls is asked less and looks better than it is
//! ("coordinated omission"). Here a request is due at its time, and its latency counts from then.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_benches::Failure;
use strongroom_benches::load::{Bounds, ms};
use strongroom_benches::wire::{Protocol, Wire};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::server::Server;

/// What came of it.
pub struct Seen {
    rate: f64,
    statuses: BTreeMap<String, usize>,
    latencies: Vec<Duration>,
    /// Requests that were not sent, because too many were open already.
    dropped: usize,
}

/// Sends `rate` requests a second for the bounds' time.
///
/// # Errors
/// When no connection can be made.
pub async fn run(server: &Server, rate: f64, bounds: Bounds) -> Result<Seen, Failure> {
    let mut wires = Vec::new();
    for _ in 0..CONNECTIONS {
        match server.wire(Protocol::Grpc).await? {
            Wire::Http2(sender) => wires.push(sender),
            Wire::Http1(_) => return Err("gRPC needs HTTP/2".into()),
        }
    }
    let count = ((rate * bounds.time.as_secs_f64()) as usize).min(bounds.count);
    let (request, open) = (server.request(Protocol::Grpc), Arc::new(Semaphore::new(OPEN_MAX)));
    let mut running = JoinSet::new();
    let mut dropped = 0;
    let start = Instant::now();
    for index in 0..count {
        let due = start + Duration::from_secs_f64(index as f64 / rate);
        tokio::time::sleep_until(due.into()).await;
        let Ok(place) = Arc::clone(&open).try_acquire_owned() else {
            dropped += 1;
            continue;
        };
        let mut wire = Wire::Http2(wires[index % CONNECTIONS].clone());
        let request = request.clone();
        running.spawn(async move {
            let outcome = wire.ask(&request).await;
            drop(place);
            let status = match outcome {
                Ok(_) => "OK".to_owned(),
                Err(error) => error.to_string(),
            };
            (status, due.elapsed())
        });
    }
    let mut seen = Seen {
        rate,
        statuses: BTreeMap::new(),
        latencies: Vec::new(),
        dropped,
    };
    while let Some(ended) = running.join_next().await {
        let (status, latency) = ended?;
        *seen.statuses.entry(status).or_default() += 1;
        seen.latencies.push(latency);
    }
    seen.latencies.sort_unstable();
    Ok(seen)
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |share: f64| {
            let index = (self.latencies.len() as f64 * share).ceil() as usize;
            self.latencies
                .get(index.saturating_sub(1))
                .copied()
                .map_or_else(String::new, ms)
        };
        write!(
            f,
            "{:<34} {:>9.0} {:>9} {:>9}   p99.9 {} ms;",
            "gRPC, plain, open loop",
            self.rate,
            at(0.5),
            at(0.99),
            at(0.999)
        )?;
        for (status, count) in &self.statuses {
            write!(f, " {count} {status}")?;
        }
        if self.dropped > 0 {
            write!(f, ", {} not sent ({OPEN_MAX} were open)", self.dropped)?;
        }
        Ok(())
    }
}

const CONNECTIONS: usize = 8;
const OPEN_MAX: usize = 1024;
