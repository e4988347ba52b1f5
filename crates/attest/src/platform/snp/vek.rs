//! Certificates of the keys that sign reports, VCEK and VLEK: what AMD states in its own extensions (AMD 57230, table 8;
//! AMD 58369, table 5).

use std::fmt;

use serde::{Deserialize, Serialize};
use strongroom_crypto::sign::{Curve, VerifyingKey};
use strongroom_crypto::x509::Certificate;

use super::generation::Generation;
use super::tcb::{self, SPL_COUNT};
use crate::hex_bytes::HexBytes;

/// The kind of key that signs a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningKey {
    /// The chip's own key (versioned chip endorsement key).
    Vcek,
    /// A key that AMD loaded for a cloud provider (versioned loaded endorsement key).
    Vlek,
}

/// What AMD states about a key that signs reports. Read from a certificate that nothing vouches for yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vek {
    pub(super) product: String,
    pub(super) spl: [Option<u8>; SPL_COUNT],
    /// 64 bytes; 8 from Turin on.
    pub(super) hwid: Option<Vec<u8>>,
    /// A text such as `CN=cc-us-east-2.amazonaws.com`.
    pub(super) csp_id: Option<String>,
    pub(super) key: VerifyingKey,
}

const PRODUCT: &str = "1.3.6.1.4.1.3704.1.2";
const SPL: [&str; SPL_COUNT] = [
    "1.3.6.1.4.1.3704.1.3.1",
    "1.3.6.1.4.1.3704.1.3.2",
    "1.3.6.1.4.1.3704.1.3.3",
    "1.3.6.1.4.1.3704.1.3.4",
    "1.3.6.1.4.1.3704.1.3.5",
    "1.3.6.1.4.1.3704.1.3.6",
    "1.3.6.1.4.1.3704.1.3.7",
    "1.3.6.1.4.1.3704.1.3.8",
    "1.3.6.1.4.1.3704.1.3.9",
];
const HWID: &str = "1.3.6.1.4.1.3704.1.4";
const CSP_ID: &str = "1.3.6.1.4.1.3704.1.5";

/// Common name of authorities that certify VLEKs (ASVK), up to the product.
const ASVK: &str = "SEV-VLEK-";

impl SigningKey {
    /// The name, as AMD writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vcek => "VCEK",
            Self::Vlek => "VLEK",
        }
    }

    /// By the number in a report.
    pub(super) const fn of_report(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Vcek),
            1 => Some(Self::Vlek),
            _ => None,
        }
    }

    /// What a certificate's subject and its issuer's name say, where they agree: each kind of key has an authority of
    /// its own.
    pub(super) fn of_certificate(certificate: &Certificate) -> Option<Self> {
        let loaded = certificate.issuer_cn()?.starts_with(ASVK);
        match certificate.subject_cn()? {
            "SEV-VCEK" if !loaded => Some(Self::Vcek),
            "SEV-VLEK" if loaded => Some(Self::Vlek),
            _ => None,
        }
    }
}

impl Vek {
    /// Whether a certificate is meant to be one of a key that signs reports.
    pub(super) fn is_meant(certificate: &Certificate) -> bool {
        certificate.extension(PRODUCT).is_some()
    }

    /// Reads AMD's extensions.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn read(certificate: &Certificate) -> Result<Self, &'static str> {
        let product = certificate
            .extension(PRODUCT)
            .and_then(ia5_string)
            .ok_or("no product name")?;
        let mut spl = [None; SPL_COUNT];
        for (oid, version) in SPL.iter().zip(&mut spl) {
            if let Some(value) = certificate.extension(oid) {
                *version =
                    Some(small_integer(value).ok_or("a security version that is no number up to 255")?);
            }
        }
        let hwid = match certificate.extension(HWID) {
            Some(value) => Some(
                hardware_id(value)
                    .ok_or("a hardware id of another length")?
                    .to_vec(),
            ),
            None => None,
        };
        let csp_id = match certificate.extension(CSP_ID) {
            Some(value) => Some(
                ia5_string(value)
                    .ok_or("a provider's id that is no text")?
                    .to_owned(),
            ),
            None => None,
        };
        let key = certificate
            .verifying_key()
            .ok()
            .filter(|key| key.curve() == Curve::P384)
            .ok_or("a key that is not on P-384")?;
        Ok(Self {
            product: product.to_owned(),
            spl,
            hwid,
            csp_id,
            key,
        })
    }

    /// The TCB version that the certificate was issued for, as a report of `generation` writes it.
    pub(super) fn certified_tcb(&self, generation: Generation) -> Option<[u8; 8]> {
        tcb::certified(&self.spl, generation)
    }

    /// The hardware id as reports write it: followed by zeros, where it is the short one.
    pub(super) fn chip_id(&self) -> Option<HexBytes<64>> {
        let hwid = self.hwid.as_ref()?;
        let mut chip_id = [0; 64];
        chip_id.get_mut(..hwid.len())?.copy_from_slice(hwid);
        Some(HexBytes(chip_id))
    }
}

impl fmt::Display for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An IA5String of graphic characters, up to 127 of them: it is shown to people.
fn ia5_string(der: &[u8]) -> Option<&str> {
    let [0x16, length, text @ ..] = der else {
        return None;
    };
    let graphic = text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    let whole = *length < 0x80 && usize::from(*length) == text.len();
    std::str::from_utf8(text).ok().filter(|_| whole && graphic)
}

/// An INTEGER from 0 to 255 in its shortest form.
fn small_integer(der: &[u8]) -> Option<u8> {
    match *der {
        [0x02, 1, number] if number < 0x80 => Some(number),
        [0x02, 2, 0, number] if number >= 0x80 => Some(number),
        _ => None,
    }
}

/// The bytes themselves, or an OCTET STRING of them: certificates of both forms were issued.
fn hardware_id(value: &[u8]) -> Option<&[u8]> {
    match value {
        [0x04, 64, id @ ..] if id.len() == 64 => Some(id),
        [0x04, 8, id @ ..] if id.len() == 8 => Some(id),
        id if id.len() == 64 || id.len() == 8 => Some(id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_form() {
        assert_eq!(small_integer(&[2, 1, 0]), Some(0));
        assert_eq!(small_integer(&[2, 1, 0x7f]), Some(0x7f));
        assert_eq!(small_integer(&[2, 2, 0, 0xd9]), Some(0xd9));
        let others: [&[u8]; 8] = [
            &[],
            &[2],
            &[2, 0],
            &[2, 1, 0x80],
            &[2, 2, 0, 0x7f],
            &[2, 2, 1, 0],
            &[2, 1, 0, 0],
            &[3, 1, 0],
        ];
        for other in others {
            assert_eq!(small_integer(other), None, "{other:?}");
        }
    }

    #[test]
    fn texts_are_short_and_can_be_shown() {
        assert_eq!(ia5_string(b"\x16\x05Turin"), Some("Turin"));
        for other in [
            &b"\x16\x05Turi"[..],
            b"\x16\x04Turin",
            b"\x0c\x05Turin",
            b"\x16\x02a\x1b",
            b"\x16",
            b"",
        ] {
            assert_eq!(ia5_string(other), None, "{other:?}");
        }
        let long = [&[0x16, 0x81, 0x80][..], &[b'a'; 128]].concat();
        assert_eq!(ia5_string(&long), None);
    }

    #[test]
    fn hardware_ids_have_two_lengths_and_perhaps_a_header() {
        let id = [7; 64];
        let wrapped = [&[4, 64][..], &id].concat();
        assert_eq!(hardware_id(&id), Some(&id[..]));
        assert_eq!(hardware_id(&wrapped), Some(&id[..]));
        assert_eq!(hardware_id(&id[..8]), Some(&id[..8]));
        assert_eq!(
            hardware_id(&[4, 8, 1, 2, 3, 4, 5, 6, 7, 8]),
            Some(&[1, 2, 3, 4, 5, 6, 7, 8][..])
        );
        for length in [0, 7, 9, 10, 63, 65, 66] {
            assert_eq!(hardware_id(&vec![7; length]), None, "{length}");
        }
    }
}
