//! What the coordinator certified, checked: it is our key, our type, our UUID, and it comes from the coordinator that
//! was verified.

use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use strongroom_ratls::MARBLE_TYPE_OID;

/// A marble's identity. [`Credentials::check`] is the only way to one.
#[derive(Debug)]
pub struct Credentials {
    key: SigningKey,
    chain_pem: String,
    leaf: Certificate,
    marble_root: Certificate,
    coordinator_root: Certificate,
}

/// What the coordinator returned, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Returned<'a> {
    /// PEM: leaf, then intermediate.
    pub chain: &'a [u8],
    /// PEM of the marble root.
    pub marble_root: &'a [u8],
    /// PEM of the coordinator's root.
    pub coordinator_root: &'a [u8],
}

/// What the certificate has to be.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The marble type.
    pub marble_type: &'a str,
    /// The UUID.
    pub uuid: &'a str,
    /// The root that the coordinator's evidence named; `None` where the description does not verify the coordinator.
    pub verified_root: Option<&'a Certificate>,
    /// Now.
    pub now: UnixTime,
}

/// A certificate that is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the coordinator's certificate for this workload is refused: {0}")]
pub struct CredentialsError(pub &'static str);

impl Credentials {
    /// Checks what was returned for `key`.
    ///
    /// # Errors
    /// [`CredentialsError`] with the first thing that is wrong.
    pub fn check(
        returned: Returned<'_>,
        key: SigningKey,
        asked: Asked<'_>,
    ) -> Result<Self, CredentialsError> {
        let chain_pem = text(returned.chain)?;
        let chain = Certificate::parse_pem_chain(chain_pem)
            .map_err(|_| CredentialsError("the chain cannot be read"))?;
        let [leaf, intermediate] = chain.as_slice() else {
            return Err(CredentialsError(
                "the chain is not a leaf and an intermediate certificate",
            ));
        };
        let marble_root = certificate(returned.marble_root, "the marble root cannot be read")?;
        let coordinator_root = certificate(returned.coordinator_root, "the coordinator root cannot be read")?;
        let require = |holds: bool, otherwise| {
            if holds {
                Ok(())
            } else {
                Err(CredentialsError(otherwise))
            }
        };

        require(
            asked
                .verified_root
                .is_none_or(|verified| verified.der() == coordinator_root.der()),
            "its root is not the one in the coordinator's evidence",
        )?;
        require(
            signed(intermediate, &coordinator_root),
            "the intermediate is not signed by the coordinator's root",
        )?;
        require(
            intermediate.spki_der() == marble_root.spki_der(),
            "the marble root has another key than the intermediate",
        )?;
        require(
            intermediate.is_ca() && marble_root.is_ca(),
            "its issuer is no certification authority",
        )?;
        require(
            signed(leaf, &marble_root),
            "the leaf is not signed by the marble root",
        )?;
        require(leaf.spki_der() == key.spki_der(), "it certifies another key")?;
        require(
            leaf.extension(MARBLE_TYPE_OID) == Some(asked.marble_type.as_bytes()),
            "it names another marble type",
        )?;
        require(leaf.subject_cn() == Some(asked.uuid), "it names another UUID")?;
        require(leaf.is_valid_at(asked.now), "it is not valid now")?;
        Ok(Self {
            leaf: leaf.clone(),
            chain_pem: chain_pem.to_owned(),
            key,
            marble_root,
            coordinator_root,
        })
    }

    /// The private key of the leaf.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The leaf certificate.
    #[must_use]
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// PEM of leaf and intermediate.
    #[must_use]
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The marble root.
    #[must_use]
    pub fn marble_root(&self) -> &Certificate {
        &self.marble_root
    }

    /// The coordinator's root.
    #[must_use]
    pub fn coordinator_root(&self) -> &Certificate {
        &self.coordinator_root
    }
}

fn signed(certificate: &Certificate, issuer: &Certificate) -> bool {
    issuer
        .verifying_key()
        .is_ok_and(|key| certificate.verify_signature_by(&key).is_ok())
}

fn certificate(pem: &[u8], unreadable: &'static str) -> Result<Certificate, CredentialsError> {
    Certificate::parse_pem(text(pem)?).map_err(|_| CredentialsError(unreadable))
}

fn text(pem: &[u8]) -> Result<&str, CredentialsError> {
    if pem.len() > PEM_BYTES_MAX {
        return Err(CredentialsError("it is too long"));
    }
    std::str::from_utf8(pem).map_err(|_| CredentialsError("it is no PEM"))
}

const PEM_BYTES_MAX: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use strongroom_crypto::issue::{Authority, Template, Usage, self_signed};
    use strongroom_crypto::random::SystemRandom;
    use strongroom_crypto::x509::Names;

    use super::*;

    const NOW: UnixTime = UnixTime(1_790_000_000);
    const UUID: &str = "8f7c2f6e-3b65-4fd8-8d7e-0a86c8a0e8e4";

    fn template(name: &str, usage: Usage) -> Template {
        let names = Names::default();
        let extensions = match usage {
            Usage::Leaf => vec![(vec![1, 3, 9903, 2, 1], b"inference".to_vec())],
            _ => Vec::new(),
        };
        Template {
            common_name: name.to_owned(),
            names,
            not_before: NOW,
            not_after: NOW.plus(60),
            usage,
            extensions,
        }
    }

    /// A good answer, taken apart: tests change one part.
    struct Answer {
        key: SigningKey,
        leaf: Certificate,
        intermediate: Certificate,
        marble_root: Certificate,
        coordinator_root: Certificate,
        verified: Certificate,
        marble_type: &'static str,
        uuid: &'static str,
        now: UnixTime,
    }

    fn good() -> Answer {
        let [root_key, marble_key, key] = [(); 3].map(|()| SigningKey::generate_p384());
        let root = self_signed(&template("root", Usage::Authority), &root_key, &SystemRandom).expect("root");
        let ca = template("intermediate", Usage::Authority);
        let issue = |name, signer, template: &Template, subject: &SigningKey| {
            Authority::new(name, signer)
                .issue(template, subject.spki_der(), &SystemRandom)
                .expect("issue")
        };
        Answer {
            leaf: issue("intermediate", &marble_key, &template(UUID, Usage::Leaf), &key),
            intermediate: issue("root", &root_key, &ca, &marble_key),
            marble_root: self_signed(&ca, &marble_key, &SystemRandom).expect("marble root"),
            verified: root.clone(),
            coordinator_root: root,
            key,
            marble_type: "inference",
            uuid: UUID,
            now: NOW,
        }
    }

    fn check(change: impl FnOnce(&mut Answer, Answer), expected: Result<(), &'static str>) {
        let mut answer = good();
        change(&mut answer, good());
        let chain = answer.leaf.to_pem() + &answer.intermediate.to_pem();
        let (marble_root, root) = (answer.marble_root.to_pem(), answer.coordinator_root.to_pem());
        let returned = Returned {
            chain: chain.as_bytes(),
            marble_root: marble_root.as_bytes(),
            coordinator_root: root.as_bytes(),
        };
        let (marble_type, uuid, now) = (answer.marble_type, answer.uuid, answer.now);
        let asked = Asked {
            marble_type,
            uuid,
            verified_root: Some(&answer.verified),
            now,
        };
        let found = Credentials::check(returned, answer.key, asked).map(|_| ());
        assert_eq!(found, expected.map_err(CredentialsError));
    }

    #[test]
    fn refuses_what_it_should() {
        check(|_, _| {}, Ok(()));
        check(
            |a, b| a.verified = b.verified,
            Err("its root is not the one in the coordinator's evidence"),
        );
        check(
            |a, b| (a.coordinator_root, a.verified) = (b.coordinator_root, b.verified),
            Err("the intermediate is not signed by the coordinator's root"),
        );
        check(
            |a, b| a.marble_root = b.marble_root,
            Err("the marble root has another key than the intermediate"),
        );
        check(
            |a, b| a.leaf = b.leaf,
            Err("the leaf is not signed by the marble root"),
        );
        check(|a, b| a.key = b.key, Err("it certifies another key"));
        check(
            |a, _| a.marble_type = "other",
            Err("it names another marble type"),
        );
        check(|a, _| a.uuid = "other", Err("it names another UUID"));
        check(|a, _| a.now = NOW.plus(61), Err("it is not valid now"));
    }

    #[test]
    fn refuses_a_chain_of_another_length_and_text_that_is_none() {
        let answer = good();
        let asked = Asked {
            marble_type: "inference",
            uuid: UUID,
            verified_root: None,
            now: NOW,
        };
        let (leaf, root) = (answer.leaf.to_pem(), answer.coordinator_root.to_pem());
        let marble_root = answer.marble_root.to_pem();
        for chain in [leaf.as_bytes(), b"", b"\xff", &[b'x'; PEM_BYTES_MAX + 1]] {
            let returned = Returned {
                chain,
                marble_root: marble_root.as_bytes(),
                coordinator_root: root.as_bytes(),
            };
            assert!(Credentials::check(returned, SigningKey::generate_p384(), asked).is_err());
        }
    }
}
