//! The templates (`TPMT_PUBLIC`, Part 2 §12.2.4) of the keys that this crate makes.

use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::label;

use super::algorithm::{AES, CFB, ECC, ECDSA, HMAC, KEYEDHASH, NULL, RSA, SHA256};
use super::wire::Writer;

/// What a key is to be like. Everything in it enters the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// All but the unique part.
    parameters: Vec<u8>,
    unique: Vec<u8>,
}

impl Template {
    /// `TPMT_PUBLIC`.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        [&self.parameters[..], &self.unique].concat()
    }

    /// Whether a key's public area is as this template says; its unique part is the key.
    #[must_use]
    pub fn gave(&self, public: &[u8]) -> bool {
        public.starts_with(&self.parameters)
    }
}

/// Endorsement key, P-256 (TCG EK Credential Profile 2.5, template L-2).
#[must_use]
pub fn ek_p256() -> Template {
    let parameters = ek(ECC)
        .u16(NULL) // no scheme
        .u16(P256)
        .u16(NULL); // no key derivation scheme
    Template {
        parameters: parameters.bytes(),
        unique: Writer::new().sized(&[0; 32]).sized(&[0; 32]).bytes(),
    }
}

/// Endorsement key, RSA 2048 (TCG EK Credential Profile 2.5, template L-1).
#[must_use]
pub fn ek_rsa2048() -> Template {
    let parameters = ek(RSA)
        .u16(NULL) // no scheme
        .u16(2048)
        .u32(0); // the usual exponent
    Template {
        parameters: parameters.bytes(),
        unique: Writer::new().sized(&[0; 256]).bytes(),
    }
}

/// What the two endorsement keys have in common: who proves to be the endorsement hierarchy's owner may use the key
/// (`TPM2_PolicySecret`), to decrypt what begins as the TPM says.
fn ek(kind: u16) -> Writer {
    let attributes =
        FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | ADMIN_WITH_POLICY | RESTRICTED | DECRYPT;
    head(kind, attributes, &EK_POLICY).u16(AES).u16(128).u16(CFB)
}

/// Attestation key: P-256, ECDSA with SHA-256, restricted, so that it signs nothing but what the TPM states itself.
#[must_use]
pub fn ak() -> Template {
    let attributes =
        FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | USER_WITH_AUTH | NO_DA | RESTRICTED | SIGN;
    let parameters = head(ECC, attributes, &[])
        .u16(NULL) // no symmetric cipher
        .u16(ECDSA)
        .u16(SHA256)
        .u16(P256)
        .u16(NULL); // no key derivation scheme
    let own = sha256(label::TPM_ATTESTATION_KEY.as_bytes());
    Template {
        parameters: parameters.bytes(),
        unique: Writer::new().sized(own.as_bytes()).sized(&[]).bytes(),
    }
}

/// HMAC key that nothing but a session with this policy can use.
#[must_use]
pub fn sealing(policy: &Digest32) -> Template {
    let attributes = FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | ADMIN_WITH_POLICY | NO_DA | SIGN;
    let parameters = head(KEYEDHASH, attributes, policy.as_bytes())
        .u16(HMAC)
        .u16(SHA256);
    let own = sha256(label::TPM_SEAL.as_bytes());
    Template {
        parameters: parameters.bytes(),
        unique: Writer::new().sized(own.as_bytes()).bytes(),
    }
}

fn head(kind: u16, attributes: u32, policy: &[u8]) -> Writer {
    Writer::new().u16(kind).u16(SHA256).u32(attributes).sized(policy)
}

const P256: u16 = 0x0003;

// `TPMA_OBJECT` (Part 2 §8.3).
const FIXED_TPM: u32 = 1 << 1;
const FIXED_PARENT: u32 = 1 << 4;
const SENSITIVE_DATA_ORIGIN: u32 = 1 << 5;
const USER_WITH_AUTH: u32 = 1 << 6;
const ADMIN_WITH_POLICY: u32 = 1 << 7;
const NO_DA: u32 = 1 << 10;
const RESTRICTED: u32 = 1 << 16;
const DECRYPT: u32 = 1 << 17;
const SIGN: u32 = 1 << 18;

/// `TPM2_PolicySecret(TPM_RH_ENDORSEMENT)` with SHA-256 (TCG EK Credential Profile 2.5, policy A).
const EK_POLICY: [u8; 32] = [
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xB3, 0xF8, 0x1A, 0x90, 0xCC, 0x8D, 0x46, 0xA5, 0xD7, 0x24, 0xFD,
    0x52, 0xD7, 0x6E, 0x06, 0x52, 0x0B, 0x64, 0xF2, 0xA1, 0xDA, 0x1B, 0x33, 0x14, 0x69, 0xAA,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_the_profiles() {
        let public = hex::encode(ek_p256().public());
        let expected = format!(
            "0023000b000300b20020{}0006008000430010000300100020{}0020{}",
            hex::encode(EK_POLICY),
            "00".repeat(32),
            "00".repeat(32)
        );
        assert_eq!(public, expected);
        assert_eq!(ek_rsa2048().public().len(), 8 + 2 + 32 + 6 + 2 + 2 + 4 + 2 + 256);
        assert!(
            hex::encode(ak().public()).starts_with(
                "0023000b00050472000000100018000b0003001000 20"
                    .replace(' ', "")
                    .as_str()
            )
        );
    }

    #[test]
    fn a_key_is_recognised_by_all_but_its_unique_part() {
        let mut public = ak().public();
        *public.last_mut().expect("not empty") ^= 1;
        assert!(ak().gave(&public));
        public[7] ^= 1; // an attribute
        assert!(!ak().gave(&public));
        let one = sealing(&Digest32([1; 32]));
        assert!(
            !one.gave(&sealing(&Digest32([2; 32])).public()),
            "the policy is part of the key"
        );
    }
}
