//! The keys that say which TPM this is: its maker's endorsement key, and our attestation key.

use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::tpm_credential::CredentialBlob;

use crate::enrolment::EnrolmentRequest;
use crate::error::AttesterError;
use crate::tpm::template::{self, Template};
use crate::tpm::{Handle, Object, Tpm, TpmError};

/// An endorsement key of the TCG EK Credential Profile 2.5, and where the profile keeps its things.
struct EndorsementKey {
    template: fn() -> Template,
    kept: Handle,
    certificate: Handle,
}

/// In order of preference: a key with a certificate comes before one without.
const ENDORSEMENT_KEYS: [EndorsementKey; 2] = [
    EndorsementKey {
        template: template::ek_p256,
        kept: Handle::PERSISTENT_EK_ECC,
        certificate: Handle(0x01C0_000A),
    },
    EndorsementKey {
        template: template::ek_rsa2048,
        kept: Handle::PERSISTENT_EK_RSA,
        certificate: Handle(0x01C0_0002),
    },
];

/// Where the profile keeps the endorsement certificate's issuers (§2.2.1.4).
const CHAIN: std::ops::RangeInclusive<u32> = 0x01C0_0100..=0x01C0_01FF;

/// What a verifier needs to know of this TPM.
pub(super) fn request(tpm: &mut Tpm) -> Result<EnrolmentRequest, AttesterError> {
    let (key, ek_certificates) = choose(tpm)?;
    let ek_public = with_ek(tpm, key, |_, ek| Ok(ek.public.clone()))?;
    let ak_public = tpm.with_primary(Handle::ENDORSEMENT, &template::ak(), |_, ak| {
        Ok::<_, AttesterError>(ak.public.clone())
    })?;
    Ok(EnrolmentRequest {
        ek_public,
        ek_certificates,
        ak_public,
    })
}

/// Opens what a verifier encrypted for the endorsement key of the request and our attestation key.
pub(super) fn activate(tpm: &mut Tpm, challenge: &CredentialBlob) -> Result<SecretBytes, AttesterError> {
    let (key, _) = choose(tpm)?;
    let blobs = [
        challenge.id_object.as_slice(),
        challenge.encrypted_secret.as_slice(),
    ];
    for blob in blobs {
        let whole = blob
            .split_first_chunk()
            .is_some_and(|(size, rest)| usize::from(u16::from_be_bytes(*size)) == rest.len());
        if !whole {
            return Err(AttesterError::Refused(
                "the enrolment challenge is malformed".to_owned(),
            ));
        }
    }
    with_ek(tpm, key, |tpm, ek| {
        let secret = tpm.with_primary(Handle::ENDORSEMENT, &template::ak(), |tpm, ak| {
            tpm.with_policy(|tpm, session| {
                tpm.policy_secret(session, Handle::ENDORSEMENT)?;
                tpm.activate_credential(ak.handle, (ek.handle, session), blobs)
            })
        })?;
        Ok(secret)
    })
}

/// The preferred key, with the certificate and the chain that the TPM keeps.
fn choose(tpm: &mut Tpm) -> Result<(&'static EndorsementKey, Vec<Vec<u8>>), AttesterError> {
    for key in &ENDORSEMENT_KEYS {
        let mut certificates = certificates_at(tpm, key.certificate)?;
        if certificates.is_empty() {
            continue;
        }
        certificates.truncate(1);
        let issuers = tpm.handles(Handle(*CHAIN.start()))?;
        // A long chain goes on from one index to the next, also within a certificate.
        let mut chain = Vec::new();
        for index in issuers.into_iter().filter(|index| CHAIN.contains(&index.0)) {
            chain.extend(data_at(tpm, index)?);
        }
        certificates.extend(split(&chain));
        return Ok((key, certificates));
    }
    Ok((&ENDORSEMENT_KEYS[0], Vec::new()))
}

fn certificates_at(tpm: &mut Tpm, index: Handle) -> Result<Vec<Vec<u8>>, TpmError> {
    Ok(split(&data_at(tpm, index)?))
}

/// An index's data; none where there is no such index, or one that cannot be read: makers name some with other hashes, or
/// keep them to themselves. What is missing then, the verifier says.
fn data_at(tpm: &mut Tpm, index: Handle) -> Result<Vec<u8>, TpmError> {
    let data = match tpm.nv_read_public(index) {
        Ok(Some(public)) => tpm.nv_read(&public),
        other => other.map(|_| Vec::new()),
    };
    match data {
        Err(TpmError::Refused { .. } | TpmError::Malformed { .. }) => Ok(Vec::new()),
        data => data,
    }
}

/// Certificates that lie one after the other; indices are often longer than what is in them.
fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut certificates = Vec::new();
    while let Some(length) = der_length(bytes) {
        let Some((certificate, rest)) = bytes.split_at_checked(length) else {
            break;
        };
        certificates.push(certificate.to_vec());
        bytes = rest;
    }
    certificates
}

/// How long the DER sequence is that `bytes` begin with: certificates have lengths of two bytes (X.690 §8.1.3.5).
fn der_length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0x30, 0x82, high, low, ..] => Some(4 + usize::from(u16::from_be_bytes([*high, *low]))),
        _ => None,
    }
}

/// Works with an endorsement key: the one that firmware keeps, where it is of the profile's template, as making an RSA
/// key anew takes long.
fn with_ek<T>(
    tpm: &mut Tpm,
    key: &EndorsementKey,
    work: impl FnOnce(&mut Tpm, &Object) -> Result<T, AttesterError>,
) -> Result<T, AttesterError> {
    let template = (key.template)();
    match tpm.read_public(key.kept)? {
        Some(kept) if template.gave(&kept.public) => work(tpm, &kept),
        _ => tpm.with_primary(Handle::ENDORSEMENT, &template, work),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tpm::Recorded;

    /// Named by SHA-384: what it holds is left out, and enrolment goes on.
    #[test]
    fn an_index_that_cannot_be_read_holds_nothing() {
        let public = "000e 01c00100 000c 00000000 0000 0010";
        let named = format!("8001 0000001e 00000000 {public} 0002 000c");
        let asked = "8001 0000000e 00000169 01c00100";
        for told in [named.as_str(), "8001 0000000a 00000101"] {
            let mut tpm = Tpm::over(Box::new(Recorded::new(&[(asked, told)])));
            let data = data_at(&mut tpm, Handle(0x01C0_0100)).expect("nothing");
            assert!(data.is_empty());
        }
    }

    #[test]
    fn certificates_are_told_apart_and_padding_is_dropped() {
        let certificate = |length: u8| [&[0x30, 0x82, 0, length][..], &vec![7; length.into()]].concat();
        let (one, two) = (certificate(5), certificate(9));
        assert_eq!(split(&[&one[..], &two, &[0xFF; 8]].concat()), [one.clone(), two]);
        assert_eq!(split(&one[..8]), Vec::<Vec<u8>>::new(), "cut short");
        assert_eq!(split(&[0; 16]), Vec::<Vec<u8>>::new());
    }
}
