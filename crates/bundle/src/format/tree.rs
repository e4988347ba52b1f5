//! The hash tree over stored chunks: binary, each node from two below, an odd one moves up as it is (the shape of
//! RFC 9162 §2.1.1). Labels keep leaves, nodes and everything else apart.

use strongroom_crypto::digest::{Digest32, Sha256};
use strongroom_crypto::encode::Encoder;
use strongroom_crypto::label;

use crate::error::Section;

/// Leaf of one stored chunk, tag included. Section and index are in the leaf, so a chunk fits one place only.
pub(crate) fn leaf(section: Section, index: u64, stored: &[u8]) -> Digest32 {
    let place = Encoder::new(label::BUNDLE_LEAF)
        .u64(section.number())
        .u64(index)
        .finish();
    let mut hash = Sha256::new();
    hash.update(&place);
    hash.update(stored);
    hash.finish()
}

/// Root over all leaves, in order.
///
/// # Panics
/// Without a leaf: a bundle has at least one chunk, that of its file table.
pub(crate) fn root(leaves: &[Digest32]) -> Digest32 {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node(left, right),
                odd => odd[0],
            })
            .collect();
    }
    *level.first().expect("a bundle has at least one chunk")
}

fn node(left: &Digest32, right: &Digest32) -> Digest32 {
    Encoder::new(label::BUNDLE_NODE)
        .bytes(left.as_bytes())
        .bytes(right.as_bytes())
        .sha256()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_depends_on_its_place_and_a_root_on_order_and_number() {
        let a = leaf(Section::Content, 0, b"x");
        let b = leaf(Section::Content, 1, b"x");
        let c = leaf(Section::Table, 0, b"x");
        assert!(a != b && a != c && b != c);
        assert_eq!(root(&[a]), a);
        assert_eq!(root(&[a, b, c]), node(&node(&a, &b), &c));
        assert_ne!(root(&[a, b]), root(&[b, a]));
        assert_ne!(root(&[a, b, c]), root(&[a, b, c, c]));
    }
}
