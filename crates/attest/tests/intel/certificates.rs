//! Root, PCK authority, PCK certificate, signer of collateral, and revocation lists, in Intel's shapes.

use std::sync::LazyLock;

use strongroom_crypto::issue::custom::SubjectPart;
use strongroom_crypto::issue::vendor::{Constraints, IssuerKey, ListShape, RawExtension, Shape, Vendor};
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::crl::Crl;
use strongroom_crypto::x509::{Certificate, KeyUsage};

use super::NOW;

pub(crate) const DAY: u64 = 24 * 3600;
const YEAR: u64 = 365 * DAY;

pub(crate) const PPID: [u8; 16] = [0xa1; 16];
pub(crate) const FMSPC: &str = "b0c06f000000";
pub(crate) const INSTANCE: [u8; 16] = [0xb2; 16];
/// Security versions of the machine's SGX TCB components.
pub(crate) const SVNS: [u8; 16] = [5, 5, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
pub(crate) const PCE_SVN: u16 = 11;

/// A key of the test's vendor, or of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Root,
    Ca,
    Signer,
    Pck,
    Attestation,
    /// One that nobody vouches for.
    Other,
}

static KEYS: LazyLock<[SigningKey; 6]> = LazyLock::new(|| [(); 6].map(|()| SigningKey::generate_p256()));

impl Key {
    pub(crate) fn get(self) -> &'static SigningKey {
        &KEYS[self as usize]
    }
}

/// What stands in a certificate, whose key it is, and whose key signs it.
#[derive(Clone)]
pub(crate) struct Certified {
    pub(crate) shape: Shape,
    pub(crate) key: Key,
    pub(crate) issuer: Vec<(SubjectPart, String)>,
    pub(crate) signed_by: Key,
}

/// What stands in a list, and who signs it.
#[derive(Clone)]
pub(crate) struct Listed {
    pub(crate) shape: ListShape,
    pub(crate) issuer: Vec<(SubjectPart, String)>,
    pub(crate) signed_by: Key,
}

#[derive(Clone)]
pub(crate) struct Pki {
    pub(crate) root: Certified,
    pub(crate) ca: Certified,
    pub(crate) pck: Certified,
    pub(crate) signer: Certified,
    /// The signer of the QE identity, where it is another.
    pub(crate) qe_signer: Option<Certified>,
    pub(crate) extension: Extension,
    pub(crate) root_list: Option<Listed>,
    pub(crate) pck_list: Option<Listed>,
}

/// Intel's extension of the PCK certificate.
#[derive(Clone)]
pub(crate) struct Extension {
    pub(crate) ppid: Vec<u8>,
    pub(crate) svns: [u8; 16],
    pub(crate) pce_svn: u16,
    pub(crate) pce_id: [u8; 2],
    pub(crate) fmspc: [u8; 6],
    pub(crate) sgx_type: u8,
    /// Instance id and the flags dynamic platform, cached keys, SMT: said by certificates of the Platform CA only.
    pub(crate) platform: Option<([u8; 16], [bool; 3])>,
    /// Instead of all this.
    pub(crate) raw: Option<Vec<u8>>,
}

pub(crate) fn subject(name: &str) -> Vec<(SubjectPart, String)> {
    [
        (SubjectPart::CommonName, name),
        (SubjectPart::Organization, "Intel Corporation"),
        (SubjectPart::Locality, "Santa Clara"),
        (SubjectPart::Province, "CA"),
        (SubjectPart::Country, "US"),
    ]
    .map(|(part, value)| (part, value.to_owned()))
    .to_vec()
}

const ROOT: &str = "Intel SGX Root CA";
const CA: &str = "Intel SGX PCK Platform CA";
const AUTHORITY: u16 = 32 | 64;
const SIGNING: u16 = 1 | 2;

fn shape(name: &str, serial: u8, constraints: Constraints, usage: u16) -> Shape {
    Shape {
        subject: subject(name),
        serial: vec![0x22, serial],
        not_before: NOW.minus(YEAR),
        not_after: NOW.plus(7 * YEAR),
        constraints,
        key_usage: Some(KeyUsage::from_bits(usage)),
        extended_key_usages: Vec::new(),
        extensions: Vec::new(),
    }
}

pub(crate) fn list(number: u64) -> ListShape {
    ListShape {
        number,
        this_update: NOW.minus(5 * DAY),
        next_update: NOW.plus(25 * DAY),
        revoked: vec![vec![0x33, 0x44]],
    }
}

impl Pki {
    pub(crate) fn good() -> Self {
        let certified = |shape, key, issuer, signed_by| Certified {
            shape,
            key,
            issuer: subject(issuer),
            signed_by,
        };
        let authority = |below| Constraints::Authority(Some(below));
        let leaf = Constraints::Leaf;
        Self {
            root: certified(
                shape(ROOT, 1, authority(1), AUTHORITY),
                Key::Root,
                ROOT,
                Key::Root,
            ),
            ca: certified(shape(CA, 2, authority(0), AUTHORITY), Key::Ca, ROOT, Key::Root),
            pck: certified(
                shape("Intel SGX PCK Certificate", 3, leaf, SIGNING),
                Key::Pck,
                CA,
                Key::Ca,
            ),
            signer: certified(
                shape("Intel SGX TCB Signing", 4, leaf, SIGNING),
                Key::Signer,
                ROOT,
                Key::Root,
            ),
            qe_signer: None,
            extension: Extension::good(),
            root_list: Some(Listed {
                shape: list(1),
                issuer: subject(ROOT),
                signed_by: Key::Root,
            }),
            pck_list: Some(Listed {
                shape: list(2),
                issuer: subject(CA),
                signed_by: Key::Ca,
            }),
        }
    }

    pub(crate) fn root(&self) -> Certificate {
        self.root.issue()
    }

    /// The PCK certificate chain in PEM, leaf first.
    pub(crate) fn chain(&self) -> String {
        let mut pck = self.pck.clone();
        pck.shape.extensions.push(RawExtension {
            oid: vec![1, 2, 840, 113_741, 1, 13, 1],
            critical: false,
            value: self.extension.to_der(),
        });
        let chain = [pck.issue(), self.ca.issue(), self.root.issue()];
        chain.iter().map(Certificate::to_pem).collect()
    }

    /// The issuer chain of the TCB information, in PEM.
    pub(crate) fn signer_chain(&self) -> String {
        [self.signer.issue(), self.root.issue()]
            .iter()
            .map(Certificate::to_pem)
            .collect()
    }

    /// The issuer chain of the QE identity, in PEM.
    pub(crate) fn qe_signer_chain(&self) -> String {
        let signer = self.qe_signer.as_ref().unwrap_or(&self.signer);
        [signer.issue(), self.root.issue()]
            .iter()
            .map(Certificate::to_pem)
            .collect()
    }
}

impl Certified {
    pub(crate) fn issue(&self) -> Certificate {
        let issuer = Vendor::new(&self.issuer, IssuerKey::Ecdsa(self.signed_by.get()));
        issuer
            .issue(&self.shape, self.key.get().spki_der())
            .expect("a certificate")
    }

    /// From then on, or until then.
    pub(crate) fn at(&mut self, not_before: Option<UnixTime>, not_after: Option<UnixTime>) {
        self.shape.not_before = not_before.unwrap_or(self.shape.not_before);
        self.shape.not_after = not_after.unwrap_or(self.shape.not_after);
    }
}

impl Listed {
    pub(crate) fn issue(&self) -> Crl {
        let issuer = Vendor::new(&self.issuer, IssuerKey::Ecdsa(self.signed_by.get()));
        issuer.revoke(&self.shape).expect("a list")
    }
}

impl Extension {
    fn good() -> Self {
        Self {
            ppid: PPID.to_vec(),
            svns: SVNS,
            pce_svn: PCE_SVN,
            pce_id: [0, 0],
            fmspc: [0xb0, 0xc0, 0x6f, 0, 0, 0],
            sgx_type: 1,
            platform: Some((INSTANCE, [true, true, true])),
            raw: None,
        }
    }

    pub(crate) fn to_der(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut tcb: Vec<Vec<u8>> = (1..)
            .zip(&self.svns)
            .map(|(number, svn)| pair(&[2, number], &integer((*svn).into())))
            .collect();
        tcb.push(pair(&[2, 17], &integer(self.pce_svn)));
        tcb.push(pair(&[2, 18], &der(4, &self.svns)));
        let mut members = vec![
            pair(&[1], &der(4, &self.ppid)),
            pair(&[2], &der(0x30, &tcb.concat())),
            pair(&[3], &der(4, &self.pce_id)),
            pair(&[4], &der(4, &self.fmspc)),
            pair(&[5], &der(10, &[self.sgx_type])),
        ];
        if let Some((instance, flags)) = &self.platform {
            let flags = (1..)
                .zip(flags)
                .map(|(number, set)| pair(&[7, number], &der(1, &[if *set { 0xff } else { 0 }])));
            members.push(pair(&[6], &der(4, instance)));
            members.push(pair(&[7], &der(0x30, &flags.collect::<Vec<_>>().concat())));
        }
        der(0x30, &members.concat())
    }
}

/// A member of Intel's extension.
pub(crate) fn pair(name: &[u8], value: &[u8]) -> Vec<u8> {
    let oid = [&[0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01], name].concat();
    der(0x30, &[der(6, &oid), value.to_vec()].concat())
}

pub(crate) fn integer(number: u16) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    match bytes {
        [0, low @ 0..=0x7f] => der(2, &[low]),
        [0, low] => der(2, &[0, low]),
        [0x80..=0xff, _] => der(2, &[0, bytes[0], bytes[1]]),
        _ => der(2, &bytes),
    }
}

pub(crate) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short").to_be_bytes();
    let head = match length {
        [0, low @ 0..=0x7f] => vec![tag, low],
        [0, low] => vec![tag, 0x81, low],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [head, content.to_vec()].concat()
}
