//! Damaged samples: whatever bit of what is signed is flipped, and wherever the evidence ends, it is not authentic any more.

use std::ops::Range;

use crate::sample::{Sample, not_authentic};
use crate::verdicts::rows;

/// Samples with the time at which they are authentic, each once.
fn authentic() -> Vec<(String, Sample)> {
    let mut samples: Vec<(String, Sample)> = Vec::new();
    for row in rows() {
        let known = samples.iter().any(|(id, _)| *id == row.id);
        if row.case.starts_with("inside") && !known {
            let sample = row.sample();
            let report = sample.report().expect("evidence");
            if not_authentic(&report).is_empty() {
                samples.push((row.id, sample));
            }
        }
    }
    samples
}

/// Bytes that the hardware signed, and the signature.
fn signed(id: &str) -> Vec<Range<usize>> {
    match id.split_once('/').expect("a folder below the platform's").0 {
        // What is signed; R and S with the empty space above each.
        "snp" => vec![0..0x2a0, 0x2a0..0x2a0 + 144],
        other => panic!("what is signed in evidence of {other}?"),
    }
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn no_flipped_bit_goes_unnoticed() {
    let samples = authentic();
    assert!(samples.len() >= 6, "{}", samples.len());
    for (id, sample) in samples {
        for byte in signed(&id).into_iter().flatten() {
            let mut changed = sample.evidence.clone();
            changed[byte] ^= 1 << (byte % 8);
            let noticed = sample
                .with_evidence(changed)
                .report()
                .is_none_or(|report| !not_authentic(&report).is_empty());
            assert!(noticed, "{id}: byte {byte}");
        }
    }
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn what_is_cut_short_or_goes_on_is_refused() {
    for (id, sample) in authentic() {
        for length in (0..sample.evidence.len()).step_by(64) {
            let cut = sample.with_evidence(sample.evidence[..length].to_vec());
            let refused = cut.report().is_none_or(|report| report.first_failure().is_some());
            assert!(refused, "{id}: the first {length} bytes");
        }
        let longer = sample.with_evidence([&sample.evidence[..], b"x"].concat());
        let report = longer.report().expect("still evidence of its platform");
        assert!(!not_authentic(&report).is_empty(), "{id}: {report}");
    }
}
