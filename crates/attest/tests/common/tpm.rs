//! TPMs in software under roots of their own, with everything that their evidence hangs on. Each test changes one thing.

#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part")]

mod tpm_keys;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use strongroom_attest::event_log::runtime::{self, Measured};
use strongroom_attest::event_log::{Algorithm, EventType, LogWriter};
use strongroom_attest::parts::{Parts, Tag};
use strongroom_attest::platform::tpm::enrolment::EXTENSION_ARCS;
use strongroom_attest::platform::tpm::{AttestationKeyPublic, EnrolmentExtension, Policy};
use strongroom_attest::reference::Fields;
use strongroom_attest::{
    Binding, Endorsements, Evidence, Platform, Protection, ReferenceValues, Report, Roots, VerifyError,
    verify,
};
use strongroom_crypto::digest::{Digest32, sha256, sha384};
use strongroom_crypto::issue::vendor::{RawExtension, Shape};
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
pub(crate) use tpm_keys::*;

pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);

/// A quote, field by field.
#[derive(Clone)]
pub(crate) struct Quote {
    pub(crate) magic: u32,
    pub(crate) attestation_type: u16,
    pub(crate) extra_data: Vec<u8>,
    pub(crate) reset_count: u32,
    pub(crate) restart_count: u32,
    pub(crate) clock_ms: u64,
    pub(crate) safe: u8,
    pub(crate) banks: Vec<(u16, Vec<u8>)>,
}

impl Quote {
    /// `TPMS_ATTEST` up to what is quoted.
    pub(crate) fn head(&self) -> Vec<u8> {
        let signer = sized(&[&SHA256.to_be_bytes()[..], &[9; 32]].concat());
        let parts: [&[u8]; 9] = [
            &self.magic.to_be_bytes(),
            &self.attestation_type.to_be_bytes(),
            &signer,
            &sized(&self.extra_data),
            &self.clock_ms.to_be_bytes(),
            &self.reset_count.to_be_bytes(),
            &self.restart_count.to_be_bytes(),
            &[self.safe],
            &0x0020_2611_0024_0001_u64.to_be_bytes(),
        ];
        parts.concat()
    }

    pub(crate) fn selection(&self) -> Vec<u8> {
        let mut selection = u32::try_from(self.banks.len())
            .expect("few")
            .to_be_bytes()
            .to_vec();
        for (algorithm, pcrs) in &self.banks {
            selection.extend(algorithm.to_be_bytes());
            let mut bitmap = [3, 0, 0, 0];
            for pcr in pcrs {
                bitmap[1 + usize::from(pcr / 8)] |= 1 << (pcr % 8);
            }
            selection.extend(bitmap);
        }
        selection
    }
}

/// Evidence of a machine that booted and measured a launcher, with the reference values that it meets.
pub(crate) struct Fixture {
    pub(crate) key: Key,
    pub(crate) attributes: u32,
    /// What stands in place of the attestation key's public area.
    pub(crate) shown_key: Option<Vec<u8>>,
    pub(crate) quote: Quote,
    /// Registers when the quote was made.
    pub(crate) pcrs: BTreeMap<u8, [u8; 32]>,
    /// Values beside the quote, where they differ.
    pub(crate) shown_pcrs: Option<BTreeMap<u8, [u8; 32]>>,
    pub(crate) log: Option<Vec<u8>>,
    pub(crate) ima_log: Option<Vec<u8>>,
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) report_data: Option<[u8; 64]>,
    pub(crate) session: Binding,
    pub(crate) roots: Roots,
    pub(crate) expected: Fields,
    pub(crate) now: UnixTime,
}

/// What the machine of [`good`] measures, before its program and workload: register, type, data.
pub(crate) const BOOT: &[(u8, EventType, &[u8])] = &[
    (0, EventType::S_CRTM_VERSION, b"F\0W\0\0\0"),
    (7, EventType::EFI_ACTION, b"Secure Boot"),
    (
        4,
        EventType::EFI_ACTION,
        b"Calling EFI Application from Boot Option",
    ),
    (0, EventType::SEPARATOR, &[0; 4]),
    (4, EventType::SEPARATOR, &[0; 4]),
    (7, EventType::SEPARATOR, &[0; 4]),
];

/// What GRUB measures into PCR 8 in the end.
pub(crate) const COMMAND_LINE: &str = "/vmlinuz root=/dev/vda ro";

pub(crate) fn program() -> Digest32 {
    sha256(b"program")
}

pub(crate) fn workload() -> Digest32 {
    sha256(b"description")
}

/// Enrolled, P-256, PCR 0 to 15.
pub(crate) fn good() -> Fixture {
    of_key(Key::P256(SigningKey::generate_p256()))
}

pub(crate) fn of_key(key: Key) -> Fixture {
    let session = Binding::User(b"nonce".to_vec());
    let certificate = enrolled(&key, |_| {});
    let mut fixture = Fixture {
        attributes: RESTRICTED_SIGNING,
        shown_key: None,
        quote: Quote {
            magic: 0xff54_4347,
            attestation_type: 0x8018,
            extra_data: sha256(&session.report_data()).as_bytes().to_vec(),
            reset_count: 7,
            restart_count: 1,
            clock_ms: 123_456,
            safe: 1,
            banks: vec![(SHA256, (0..16).collect())],
        },
        pcrs: (0..24).map(|pcr| (pcr, [0; 32])).collect(),
        shown_pcrs: None,
        log: Some(LogWriter::new(&[Algorithm::Sha256]).expect("a log").finish()),
        ima_log: None,
        certificates: vec![certificate.der().to_vec()],
        report_data: Some(session.report_data()),
        session,
        roots: Roots::none()
            .with(Platform::Tpm, MAKER.certificate.clone())
            .with_enrolment(AUTHORITY.certificate.clone()),
        expected: Fields {
            roots: vec![MAKER.certificate.to_pem()],
            measurements: vec![program().into()],
            workloads: vec![workload()],
            protection: vec![Protection::IntegrityOnly],
            ..Fields::of(Platform::Tpm)
        },
        now: NOW,
        key,
    };
    for (pcr, event_type, data) in BOOT {
        fixture.measure(*pcr, *event_type, data);
    }
    fixture.measure_command_line(COMMAND_LINE);
    fixture.measure_ours(&Measured::Program(program()));
    fixture.measure_ours(&Measured::Workload(workload()));
    fixture
}

/// The certificate by which the enrolment authority says that `key` lives beside an endorsement key of the maker's.
pub(crate) fn enrolled(key: &Key, change: impl FnOnce(&mut Shape)) -> Certificate {
    let public = AttestationKeyPublic::parse(&key.public(RESTRICTED_SIGNING)).expect("a public area");
    let said = EnrolmentExtension {
        endorsement_root: sha256(MAKER.certificate.der()),
        endorsement_certificate: sha256(endorsement_certificate().der()),
        attestation_key: public.id(),
    };
    let mut shape = leaf("attestation key", 3);
    shape.extensions.push(RawExtension {
        oid: EXTENSION_ARCS.to_vec(),
        critical: false,
        value: said.to_bytes(),
    });
    change(&mut shape);
    AUTHORITY.issue(&shape, &key.spki())
}

static ENDORSEMENT_KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate_p256);
static ENDORSEMENT_CERTIFICATE: LazyLock<Certificate> =
    LazyLock::new(|| MAKER.issue(&leaf("endorsement key", 1), ENDORSEMENT_KEY.spki_der()));

pub(crate) fn endorsement_key() -> &'static SigningKey {
    &ENDORSEMENT_KEY
}

pub(crate) fn endorsement_certificate() -> &'static Certificate {
    &ENDORSEMENT_CERTIFICATE
}

impl Fixture {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Changes the policy.
    pub(crate) fn asking(self, change: impl FnOnce(&mut Policy)) -> Self {
        self.with(|it| change(it.expected.tpm.get_or_insert_default()))
    }

    /// Extends a register with a digest that no log has.
    pub(crate) fn extend(&mut self, pcr: u8, digest: &Digest32) {
        let value = self.pcrs.get_mut(&pcr).expect("a register");
        *value = sha256(&[&value[..], digest.as_bytes()].concat()).0;
    }

    /// Extends a register and writes it down.
    pub(crate) fn measure(&mut self, pcr: u8, event_type: EventType, data: &[u8]) {
        self.extend(pcr, &sha256(data));
        self.note(pcr, event_type, data);
    }

    /// As GRUB does it: the text alone is measured.
    pub(crate) fn measure_command_line(&mut self, text: &str) {
        self.extend(8, &sha256(text.as_bytes()));
        let data = format!("kernel_cmdline: {text}\0");
        let log = LogWriter::resume(&self.log.take().expect("a log")).expect("a log");
        let log = log.event_measuring(8, EventType::IPL, text.as_bytes(), data.as_bytes());
        self.log = Some(log.finish());
    }

    /// Writes down what was not measured.
    pub(crate) fn note(&mut self, pcr: u8, event_type: EventType, data: &[u8]) {
        let log = self.log.take().expect("a log");
        let log = LogWriter::resume(&log).expect("a log");
        self.log = Some(log.event(pcr.into(), event_type, data).finish());
    }

    pub(crate) fn measure_ours(&mut self, measured: &Measured) {
        let pcr = u8::try_from(runtime::WORKLOAD_PCR).expect("a register");
        self.measure(pcr, runtime::EVENT_TYPE, &runtime::event_data(measured));
    }

    /// `TPMS_ATTEST`, over the registers as they are.
    pub(crate) fn attest(&self) -> Vec<u8> {
        let selected = self.quote.banks.iter().flat_map(|(_, pcrs)| pcrs);
        let values: Vec<u8> = selected.flat_map(|pcr| self.pcrs[pcr]).collect();
        let digest = match self.key.hash() {
            SHA384 => sha384(&values).to_vec(),
            _ => sha256(&values).as_bytes().to_vec(),
        };
        [self.quote.head(), self.quote.selection(), sized(&digest)].concat()
    }

    /// `TPMT_SIGNATURE`.
    pub(crate) fn signature(&self, signed: &[u8]) -> Vec<u8> {
        let made = self.key.sign(signed);
        let numbers = match self.key {
            Key::P256(_) | Key::P384(_) => made.chunks(made.len() / 2).flat_map(sized).collect(),
            Key::Rsassa | Key::Rsapss => sized(&made),
        };
        let head = [self.key.scheme().to_be_bytes(), self.key.hash().to_be_bytes()].concat();
        [head, numbers].concat()
    }

    pub(crate) fn public(&self) -> Vec<u8> {
        let public = || self.key.public(self.attributes);
        self.shown_key.clone().unwrap_or_else(public)
    }

    pub(crate) fn parts(&self) -> Parts {
        self.parts_of(self.attest())
    }

    /// Evidence around something signed by the attestation key.
    pub(crate) fn parts_of(&self, signed: Vec<u8>) -> Parts {
        let signature = self.signature(&signed);
        self.parts_around(signed, signature)
    }

    pub(crate) fn parts_around(&self, signed: Vec<u8>, signature: Vec<u8>) -> Parts {
        let pcrs = self.shown_pcrs.as_ref().unwrap_or(&self.pcrs);
        let pcrs = pcrs
            .iter()
            .flat_map(|(pcr, value)| std::iter::once(*pcr).chain(*value));
        let mut parts = Parts::new(signed)
            .with(Tag::Signature, signature)
            .with(Tag::AttestationKey, self.public())
            .with(Tag::Pcrs, pcrs.collect());
        for (tag, part) in [(Tag::EventLog, &self.log), (Tag::ImaLog, &self.ima_log)] {
            if let Some(part) = part {
                parts = parts.with(tag, part.clone());
            }
        }
        for certificate in &self.certificates {
            parts = parts.with(Tag::Endorsement, certificate.clone());
        }
        match self.report_data {
            Some(report_data) => parts.with(Tag::ReportData, report_data.to_vec()),
            None => parts,
        }
    }

    pub(crate) fn evidence(&self) -> Evidence {
        Evidence::from_parts(Platform::Tpm, &self.parts()).expect("evidence")
    }

    pub(crate) fn run(&self) -> Result<Report, VerifyError> {
        self.run_on(&self.evidence(), &Endorsements::none())
    }

    pub(crate) fn run_on(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
    ) -> Result<Report, VerifyError> {
        let verified = verify(evidence, endorsements, &self.roots, &self.session, self.now)?;
        let expected = ReferenceValues::new(self.expected.clone()).expect("usable reference values");
        expected
            .appraise(verified)
            .map(|appraised| appraised.report().clone())
    }
}

/// Ids of the checks that failed.
pub(crate) fn failed(outcome: &Result<Report, VerifyError>) -> Vec<&'static str> {
    let report = match outcome {
        Ok(report) => report,
        Err(error) => error.report(),
    };
    let failed = report
        .checks()
        .iter()
        .filter(|check| matches!(check.outcome, strongroom_attest::Outcome::Failed { .. }));
    failed.map(|check| check.id).collect()
}
