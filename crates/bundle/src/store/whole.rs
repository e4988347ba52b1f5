//! A plain object into memory, without a second copy of it.

use std::ops::Range;

use futures::{StreamExt, TryStreamExt, stream};

use super::local::blocking;
use super::{Location, StoreError};

/// Bytes of one request: enough that its latency hardly counts.
const REQUEST_BYTES: u64 = 4 * 1024 * 1024;
/// Requests under way at once.
const REQUESTS_MAX: usize = 8;

pub(super) async fn read(location: &Location, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
    let object = location.open()?;
    let (_, size) = object.tail(1).await?;
    if size > bytes_max {
        return Err(too_large(location, size, bytes_max));
    }
    let mut bytes = Vec::new();
    let length = usize::try_from(size).map_err(|_| too_large(location, size, bytes_max))?;
    if bytes.try_reserve_exact(length).is_err() {
        return Err(too_large(location, size, bytes_max));
    }
    if let Some(direct) = object.direct() {
        return blocking(move || {
            bytes.resize(length, 0);
            direct.read_at(0, length, &mut bytes)?;
            Ok(bytes)
        })
        .await;
    }
    // In order, so that each part is appended where it belongs; the next ones are on their way meanwhile.
    let ranges: Vec<Range<u64>> = (0..size)
        .step_by(REQUEST_BYTES as usize)
        .map(|start| start..(start + REQUEST_BYTES).min(size))
        .collect();
    let place = location.to_string();
    stream::iter(ranges)
        .map(|range| {
            let (object, place) = (object.clone(), place.clone());
            async move {
                let expected = range.end - range.start;
                let part = object.read(range).await?;
                if part.len() as u64 != expected {
                    return Err(StoreError::EndedEarly {
                        place,
                        expected,
                        found: part.len() as u64,
                    });
                }
                Ok(part)
            }
        })
        .buffered(REQUESTS_MAX)
        .try_for_each(|part| {
            bytes.extend_from_slice(&part);
            std::future::ready(Ok(()))
        })
        .await?;
    Ok(bytes)
}

fn too_large(location: &Location, found: u64, limit: u64) -> StoreError {
    StoreError::TooLarge {
        place: location.to_string(),
        found,
        limit,
    }
}
