//! A coordinator's certification authorities.

use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::{Certificate, Names};

use crate::fixture::now;

pub(crate) struct Pki {
    pub(crate) root: Certificate,

    pub(crate) marble_root: Certificate,
    pub(crate) marble_root_key: SigningKey,
    intermediate: Certificate,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let (root_key, marble_root_key) = (SigningKey::generate_p384(), SigningKey::generate_p384());
        let root = issue::self_signed(&template(ROOT, Usage::Authority, 3600), &root_key, &SystemRandom)
            .expect("root");
        let ca = template(INTERMEDIATE, Usage::Authority, 3600);
        let marble_root = issue::self_signed(&ca, &marble_root_key, &SystemRandom).expect("marble root");
        let intermediate = issue::Authority::new(ROOT, &root_key)
            .issue(&ca, marble_root_key.spki_der(), &SystemRandom)
            .expect("intermediate");
        Self {
            root,

            marble_root,
            marble_root_key,
            intermediate,
        }
    }

    /// PEM of a leaf over this key, and of the intermediate.
    pub(crate) fn chain(&self, spki: &[u8], marble_type: &str, uuid: &str, seconds: u64) -> String {
        let mut leaf = template(uuid, Usage::Leaf, seconds);
        leaf.extensions = vec![(vec![1, 3, 9903, 2, 1], marble_type.as_bytes().to_vec())];
        let leaf = issue::Authority::new(INTERMEDIATE, &self.marble_root_key)
            .issue(&leaf, spki, &SystemRandom)
            .expect("leaf");
        leaf.to_pem() + &self.intermediate.to_pem()
    }
}

fn template(name: &str, usage: Usage, seconds: u64) -> Template {
    Template {
        common_name: name.to_owned(),
        names: Names {
            dns: vec!["localhost".to_owned()],
            ip: Vec::new(),
        },
        not_before: now(),
        not_after: now().plus(seconds),
        usage,
        extensions: Vec::new(),
    }
}

const ROOT: &str = "MarbleRun Coordinator";
const INTERMEDIATE: &str = "MarbleRun Coordinator - Intermediate CA";
