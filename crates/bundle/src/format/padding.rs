//! Padmé padding: the true size shows only to about its highest bits, at a cost of at most 12 %.
//!
//! Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", §4.

/// The length to which `length` bytes are padded; `None` beyond what 64 bits hold.
pub(crate) fn padme(length: u64) -> Option<u64> {
    if length < 2 {
        return Some(length);
    }
    let exponent = length.ilog2();
    let kept_bits = exponent.ilog2() + 1;
    let mask = (1u64 << exponent.saturating_sub(kept_bits)) - 1;
    Some(length.checked_add(mask)? & !mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_paper_and_never_costs_more_than_twelve_percent() {
        for (length, padded) in [
            (0, 0),
            (1, 1),
            (8, 8),
            (9, 10),
            (100, 104),
            (1000, 1024),
            (1 << 30, 1 << 30),
        ] {
            assert_eq!(padme(length), Some(padded), "{length}");
        }
        assert_eq!(padme(u64::MAX), None);
        for length in (0..100_000u64).chain((20..62).map(|bit| (1 << bit) + 1)) {
            let padded = padme(length).unwrap();
            assert!(padded >= length, "{length}");
            assert!(
                padded - length <= length / 100 * 12 + length % 100 * 12 / 100,
                "{length} → {padded}"
            );
        }
    }
}
