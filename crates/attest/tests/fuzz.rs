//! The fuzz targets, driven by seeded mutations: the same on every machine.

mod common;

use common::good;
use strongroom_attest::fuzz;

const ROUNDS: usize = 4000;

#[test]
fn mutated_evidence_neither_panics_nor_reads_as_another_form() {
    mutate(&good().evidence().to_bytes(), fuzz::parse_evidence);
}

#[test]
fn mutated_policies_do_not_panic() {
    let entry = serde_json::to_string(&good().expected).expect("JSON");
    let digest = common::other_digest();
    let policy = format!(
        r#"{{"format":"strongroom.policy.v1","coordinator":[{entry}],"manifest_digests":["{digest}"],"roles":{{"a":["b"]}}}}"#
    );
    mutate(policy.as_bytes(), fuzz::parse_policy);
    mutate(format!("[{entry}]").as_bytes(), fuzz::parse_policy);
}

/// Changes, cuts, doubles and inserts bytes of `good`, by a generator (xorshift64) whose seed is fixed.
fn mutate(good: &[u8], target: fn(&[u8])) {
    target(good);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (limit.max(1) as u64)).expect("below a length")
    };
    for _ in 0..ROUNDS {
        let mut bytes = good.to_vec();
        for _ in 0..=below(4) {
            let at = below(bytes.len());
            match below(5) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << below(8),
                1 if !bytes.is_empty() => bytes[at] = [0, 0xff, b'"', b'{', 0x80][below(5)],
                2 => bytes.truncate(at),
                3 => bytes.insert(at, u8::try_from(below(256)).expect("a byte")),
                _ => {
                    let part = bytes[at..].to_vec();
                    bytes.extend_from_slice(&part);
                }
            }
        }
        target(&bytes);
    }
}
