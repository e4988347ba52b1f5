//! The table of certificates that a host puts beside a report (GHCB specification 2.03 §4.1.8.1).
//!
//! ```text
//! for each blob: 16 bytes GUID, 4 bytes offset, 4 bytes length, little-endian; an entry of zeros ends the table
//! ```
//!
//! Nothing here is trusted: certificates prove themselves to the verifier.

use strongroom_crypto::x509::Certificate;

/// The certificates of the table, DER, each once. What is no certificate, or lies outside the table, is left out.
pub(super) fn read(table: &[u8]) -> Vec<Vec<u8>> {
    let entries = table.chunks_exact(ENTRY_BYTES).take(ENTRIES_MAX);
    let mut certificates: Vec<Vec<u8>> = Vec::new();
    for entry in entries.take_while(|entry| entry.iter().any(|byte| *byte != 0)) {
        for certificate in blob(table, entry).map(decode).unwrap_or_default() {
            if !certificates.contains(&certificate) {
                certificates.push(certificate);
            }
        }
    }
    certificates
}

fn blob<'a>(table: &'a [u8], entry: &[u8]) -> Option<&'a [u8]> {
    let number = |at: usize| {
        let bytes = entry.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let (offset, length) = (number(16)?, number(20)?);
    table.get(offset..offset.checked_add(length)?)
}

/// Hosts write DER mostly, and PEM sometimes.
fn decode(blob: &[u8]) -> Vec<Vec<u8>> {
    let parsed = match std::str::from_utf8(blob) {
        Ok(text) if text.trim_start().starts_with("-----BEGIN") => {
            Certificate::parse_pem_chain(text).unwrap_or_default()
        }
        _ => Certificate::parse(blob).into_iter().collect(),
    };
    parsed
        .iter()
        .map(|certificate| certificate.der().to_vec())
        .collect()
}

const ENTRY_BYTES: usize = 24;
/// AMD names five kinds of blobs.
const ENTRIES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use strongroom_crypto::issue::{self, Template, Usage};
    use strongroom_crypto::random::SystemRandom;
    use strongroom_crypto::sign::SigningKey;
    use strongroom_crypto::time::UnixTime;
    use strongroom_crypto::x509::Names;

    use super::*;

    fn table(blobs: &[&[u8]]) -> Vec<u8> {
        let mut entries = Vec::new();
        let mut content = Vec::new();
        let start = ENTRY_BYTES * (blobs.len() + 1);
        for (number, blob) in blobs.iter().enumerate() {
            entries.extend([u8::try_from(number + 1).expect("few"); 16]);
            for value in [start + content.len(), blob.len()] {
                entries.extend(u32::try_from(value).expect("small").to_le_bytes());
            }
            content.extend_from_slice(blob);
        }
        [entries, vec![0; ENTRY_BYTES], content].concat()
    }

    fn certificate(common_name: &str) -> Certificate {
        let template = Template {
            common_name: common_name.to_owned(),
            names: Names::default(),
            not_before: UnixTime(0),
            not_after: UnixTime(1_000_000_000),
            usage: Usage::Authority,
            extensions: Vec::new(),
        };
        let key = SigningKey::generate_p384();
        issue::self_signed(&template, &key, &SystemRandom).expect("a certificate")
    }

    #[test]
    fn certificates_are_found_in_either_form_and_each_once() {
        let (one, two, three) = (certificate("one"), certificate("two"), certificate("three"));
        let pem = two.to_pem() + &three.to_pem();
        let found = read(&table(&[one.der(), b"no certificate", pem.as_bytes(), one.der()]));
        assert_eq!(found, [one.der(), two.der(), three.der()].map(<[u8]>::to_vec));
        assert_eq!(read(&[0; 64]), Vec::<Vec<u8>>::new(), "the host gave none");
    }

    #[test]
    fn what_lies_outside_the_table_is_left_out() {
        let one = certificate("one");
        let good = table(&[one.der()]);
        assert_eq!(read(&good).len(), 1);
        assert_eq!(read(&good[..good.len() - 1]).len(), 0, "cut short");
        for (at, value) in [(16, u32::MAX), (20, u32::MAX)] {
            let mut bad = good.clone();
            bad[at..at + 4].copy_from_slice(&value.to_le_bytes());
            assert_eq!(read(&bad).len(), 0, "{at}");
        }
        assert_eq!(read(&[1; 23]).len(), 0);
    }
}
