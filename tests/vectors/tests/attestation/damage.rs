//! Damaged samples: whatever bit of what is signed is flipped, and wherever the evidence ends, it is not authentic any more.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::sample::{Sample, not_authentic};
use crate::verdicts::rows;

/// Each sample once, at a time at which as little as possible is wrong with it, and what is.
fn samples() -> Vec<(String, Sample, BTreeSet<&'static str>)> {
    let mut samples: Vec<(String, Sample, BTreeSet<_>)> = Vec::new();
    for row in rows().into_iter().filter(|row| row.case.starts_with("inside")) {
        let sample = row.sample();
        let wrong = not_authentic(&sample.report().expect("evidence of its platform"));
        match samples.iter_mut().find(|(id, ..)| *id == row.id) {
            Some((_, _, other)) if other.len() <= wrong.len() => {}
            Some(known) => (known.1, known.2) = (sample, wrong),
            None => samples.push((row.id, sample, wrong)),
        }
    }
    assert_eq!(samples.len(), 20);
    let with_something: Vec<_> = samples.iter().filter(|(.., wrong)| !wrong.is_empty()).collect();
    let [(id, _, wrong)] = with_something[..] else {
        panic!("{with_something:?}");
    };
    assert_eq!(id, "tdx/gtg-spr-e4-prod");
    assert_eq!(*wrong, ["format.trailing_bytes"].into());
    samples
}

/// Bytes that something signed, and the signatures: every byte of them counts.
fn signed(id: &str, evidence: &[u8]) -> Vec<Range<usize>> {
    match id.split_once('/').expect("a folder below the platform's").0 {
        // What is signed; R and S with the empty space above each.
        "snp" => vec![0..0x2a0, 0x2a0..0x2a0 + 144],
        _ => signed_in_quote(evidence),
    }
}

/// Header and body; signature, attestation key; report of the quoting enclave, its signature, the authentication data.
fn signed_in_quote(quote: &[u8]) -> Vec<Range<usize>> {
    let u16_at = |at: usize| u16::from_le_bytes([quote[at], quote[at + 1]]);
    let version = u16_at(0);
    let body_ends = match version {
        3 => 48 + 384,
        4 => 48 + 584,
        _ => 54 + usize::from(u16_at(50)),
    };
    let keys = body_ends + 4..body_ends + 4 + 128;
    // From version 4 on the report lies in certification data of type 6, behind its type and length.
    let report = if version == 3 { keys.end } else { keys.end + 6 };
    let authentication = report + 384 + 64 + 2;
    let length = usize::from(u16_at(authentication - 2));
    vec![
        0..body_ends,
        keys,
        report..authentication - 2,
        authentication..authentication + length,
    ]
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn no_flipped_bit_goes_unnoticed() {
    std::thread::scope(|scope| {
        for (id, sample, wrong) in samples() {
            scope.spawn(move || {
                for byte in signed(&id, &sample.evidence).into_iter().flatten() {
                    let mut changed = sample.evidence.clone();
                    changed[byte] ^= 1 << (byte % 8);
                    let report = sample.with_evidence(changed).report();
                    let noticed = report.is_none_or(|report| !not_authentic(&report).is_subset(&wrong));
                    assert!(noticed, "{id}: byte {byte}");
                }
            });
        }
    });
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn what_is_cut_short_or_goes_on_is_refused() {
    for (id, sample, _) in samples() {
        let refused = |evidence: &[u8]| {
            let report = sample.with_evidence(evidence.to_vec()).report();
            report.is_none_or(|report| !not_authentic(&report).is_empty())
        };
        let padding = sample
            .evidence
            .iter()
            .rev()
            .take_while(|byte| **byte == 0)
            .count();
        let whole = sample.evidence.len() - padding;
        for length in (0..whole).step_by(64).chain([whole - 1]) {
            assert!(
                refused(&sample.evidence[..length]),
                "{id}: the first {length} bytes"
            );
        }
        let longer = [&sample.evidence[..], b"x"].concat();
        assert!(refused(&longer), "{id}: a byte more");
    }
}
