//! Signatures over certificates, revocation lists and collateral that were found right. Whether a key signed some bytes depends on
//! nothing else, so the answer may be kept: times, revocation and everything a policy asks are judged anew each time.
//!
//! An entry is the digest of all that was looked at. Only right ones are kept, and the oldest make room, so whoever sends
//! many certificates gains nothing but the work of others' being done again.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_crypto::digest::{Digest32, Sha256};
use strongroom_crypto::sign::VerifyingKey;
use strongroom_crypto::x509::Certificate;
use strongroom_crypto::x509::crl::Crl;

/// Most entries; each is 32 bytes, held twice.
const ENTRIES_MAX: usize = 4096;

/// Signatures that were found right; clones share them.
#[derive(Clone, Default)]
pub(crate) struct SignatureCache(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    known: HashSet<Digest32>,
    by_age: VecDeque<Digest32>,
}

impl SignatureCache {
    /// Whether `issuer`'s key signed `certificate`. Names, usages and validity are the caller's to check.
    pub(crate) fn signed(&self, issuer: &Certificate, certificate: &Certificate) -> bool {
        let entry = entry(&[b"certificate", issuer.spki_der(), certificate.der()]);
        self.remember(entry, || {
            let key = issuer.public_key();
            key.is_ok_and(|key| certificate.verify_signature_by_key(&key).is_ok())
        })
    }

    /// Whether `issuer`'s key signed `list`. Names, usages and times are the caller's to check.
    pub(crate) fn signed_list(&self, issuer: &Certificate, list: &Crl) -> bool {
        let entry = entry(&[b"list", issuer.spki_der(), list.der()]);
        self.remember(entry, || {
            let key = issuer.public_key();
            key.is_ok_and(|key| list.verify_signature_by_key(&key).is_ok())
        })
    }

    /// Whether `key` signed `bytes` with the signature `r || s`.
    pub(crate) fn signed_raw(&self, key: &VerifyingKey, bytes: &[u8], r_s: &[u8]) -> bool {
        let entry = entry(&[b"raw", key.spki_der(), bytes, r_s]);
        self.remember(entry, || key.verify_raw(bytes, r_s).is_ok())
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries(|entries| entries.known.len())
    }

    fn remember(&self, entry: Digest32, verify: impl FnOnce() -> bool) -> bool {
        if self.entries(|entries| entries.known.contains(&entry)) {
            return true;
        }
        let right = verify();
        if right {
            self.entries(|entries| entries.add(entry));
        }
        right
    }

    /// Never held while something is verified.
    fn entries<T>(&self, act: impl FnOnce(&mut Entries) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entries {
    fn add(&mut self, entry: Digest32) {
        if !self.known.insert(entry) {
            return;
        }
        self.by_age.push_back(entry);
        if self.by_age.len() > ENTRIES_MAX
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

fn entry(fields: &[&[u8]]) -> Digest32 {
    let mut hash = Sha256::new();
    for field in fields {
        hash.update(&(field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    hash.finish()
}

impl fmt::Debug for SignatureCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignatureCache(..)")
    }
}

impl PartialEq for SignatureCache {
    /// What was remembered makes no difference to what is answered.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for SignatureCache {}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_crypto::digest::sha256;

    fn digest(number: usize) -> Digest32 {
        sha256(&number.to_be_bytes())
    }

    #[test]
    fn what_was_right_is_not_verified_again_and_what_was_wrong_is() {
        let cache = SignatureCache::default();
        assert!(!cache.remember(digest(1), || false));
        assert!(cache.remember(digest(1), || true));
        assert!(cache.clone().remember(digest(1), || false), "clones share");
        assert!(!cache.remember(digest(2), || false));
    }

    #[test]
    fn it_stays_bounded_and_the_oldest_make_room() {
        let cache = SignatureCache::default();
        for number in 0..=ENTRIES_MAX {
            cache.remember(digest(number), || true);
        }
        let held = cache.entries(|entries| (entries.known.len(), entries.by_age.len()));
        assert_eq!(held, (ENTRIES_MAX, ENTRIES_MAX));
        assert!(!cache.remember(digest(0), || false), "the oldest is gone");
        assert!(cache.remember(digest(1), || false));
    }
}
