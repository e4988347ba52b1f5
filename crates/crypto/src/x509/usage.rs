//! Key usages (RFC 5280 §4.2.1.3, §4.2.1.12).

use x509_parser::extensions::ExtendedKeyUsage;

/// Bits of the key usage extension, as they stand in it: digitalSignature is bit 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// Usages from their bits: digitalSignature = 1 … decipherOnly = 256.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits: digitalSignature = 1 … decipherOnly = 256.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Signs data that is neither a certificate nor a revocation list.
    #[must_use]
    pub const fn digital_signature(self) -> bool {
        self.0 & 1 != 0
    }

    /// Encrypts keys.
    #[must_use]
    pub const fn key_encipherment(self) -> bool {
        self.0 & 4 != 0
    }

    /// Agrees on keys.
    #[must_use]
    pub const fn key_agreement(self) -> bool {
        self.0 & 16 != 0
    }

    /// Signs certificates.
    #[must_use]
    pub const fn key_cert_sign(self) -> bool {
        self.0 & 32 != 0
    }

    /// Signs revocation lists.
    #[must_use]
    pub const fn crl_sign(self) -> bool {
        self.0 & 64 != 0
    }
}

/// Dotted OIDs; those that have a name in RFC 5280 first.
pub(super) fn extended(usages: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let named = [
        (usages.any, "2.5.29.37.0"),
        (usages.server_auth, "1.3.6.1.5.5.7.3.1"),
        (usages.client_auth, "1.3.6.1.5.5.7.3.2"),
        (usages.code_signing, "1.3.6.1.5.5.7.3.3"),
        (usages.email_protection, "1.3.6.1.5.5.7.3.4"),
        (usages.time_stamping, "1.3.6.1.5.5.7.3.8"),
        (usages.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
    ];
    let named = named
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, oid)| oid.to_owned());
    named
        .chain(usages.other.iter().map(|oid| oid.to_id_string()))
        .collect()
}
