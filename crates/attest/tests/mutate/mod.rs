//! Seeded mutations of good input.

const ROUNDS: usize = 4000;

/// Changes, cuts, doubles and inserts bytes of `good`, by a generator (xorshift64) whose seed is fixed.
pub(crate) fn mutate(good: &[u8], target: fn(&[u8])) {
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
