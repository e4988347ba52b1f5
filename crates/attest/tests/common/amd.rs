//! AMD-shaped evidence under a root of the test's own: keys, certificates with AMD's extensions, revocation lists, and
//! reports of three versions and three generations. A machine is good as it is made; a test changes one thing.

#![expect(dead_code, reason = "each test uses its part of the machine")]

use std::sync::{Arc, LazyLock};

use strongroom_attest::parts::Tag;
use strongroom_attest::platform::snp::{Generation, REPORT_BYTES, SigningKey as Kind};
use strongroom_attest::reference::Fields;
use strongroom_attest::{
    Endorsements, Evidence, Inspection, InspectionPolicy, Outcome, Parts, Platform, Report, Roots,
};
use strongroom_crypto::issue::custom::SubjectPart;
use strongroom_crypto::issue::vendor::{Constraints, IssuerKey, ListShape, RawExtension, Shape, Vendor};
use strongroom_crypto::rsa_sign::{RsaSigningKey, RsaSize};
use strongroom_crypto::rsa_verify::RsaScheme;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, KeyUsage};

/// The time of the tests: 2026-09-21.
pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);
const YEAR: u64 = 365 * 24 * 3600;

/// The keys of the test's vendor. AMD's have 4096 bits, and take seconds to make.
static KEYS: LazyLock<[RsaSigningKey; 3]> =
    LazyLock::new(|| [(); 3].map(|()| RsaSigningKey::generate(RsaSize::Bits2048)));
static VEK: LazyLock<Arc<SigningKey>> = LazyLock::new(|| Arc::new(SigningKey::generate_p384()));

/// An authority: what stands in its certificate, and its key.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) shape: Shape,
    pub(crate) key: &'static RsaSigningKey,
}

/// A machine with a guest, and the vendor above it.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) root: Authority,
    pub(crate) intermediate: Authority,
    pub(crate) vek: Shape,
    pub(crate) vek_key: Arc<SigningKey>,
    /// The report, not signed yet.
    pub(crate) report: [u8; REPORT_BYTES],
    /// What is changed after signing.
    pub(crate) damage: fn(&mut [u8; REPORT_BYTES]),
    /// Lists of the root's.
    pub(crate) lists: Vec<ListShape>,
    /// Who signs the lists, in the root's name.
    pub(crate) list_key: &'static RsaSigningKey,
    /// The certificates that are handed in, by their names below.
    pub(crate) given: Vec<Given>,
    /// Further certificates that are handed in.
    pub(crate) extra: Vec<Certificate>,
    pub(crate) policy: Fields,
    pub(crate) report_data: Option<Vec<u8>>,
    pub(crate) now: UnixTime,
}

/// A certificate of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    Vek,
    Intermediate,
    Root,
}

impl Machine {
    /// A Milan machine with report version 2 whose chip's own key signs.
    pub(crate) fn milan_v2() -> Self {
        Self::new(Generation::Milan, 2, Kind::Vcek)
    }

    pub(crate) fn new(generation: Generation, version: u8, kind: Kind) -> Self {
        let product = generation.name();
        let loaded = kind == Kind::Vlek;
        let [root_key, vcek_key, vlek_key] = &*KEYS;
        let (middle, middle_key) = if loaded {
            (format!("SEV-VLEK-{product}"), vlek_key)
        } else {
            (format!("SEV-{product}"), vcek_key)
        };
        let mut machine = Self {
            root: Authority::new(&format!("ARK-{product}"), &[1, 0, 0], None, 64 + 32, root_key),
            intermediate: Authority::new(&middle, &[1, 0, 1], Some(0), 32, middle_key),
            vek: vek(generation, kind),
            vek_key: VEK.clone(),
            report: report(generation, version, kind),
            damage: |_| {},
            lists: Vec::new(),
            list_key: root_key,
            given: vec![Given::Vek, Given::Intermediate, Given::Root],
            extra: Vec::new(),
            policy: Fields::of(Platform::Snp),
            report_data: None,
            now: NOW,
        };
        machine.policy.roots = vec![machine.certificate(Given::Root).to_pem()];
        machine
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The same machine, whose root differs; its policy names that one.
    pub(crate) fn under(self, change: impl FnOnce(&mut Authority)) -> Self {
        self.with(|it| {
            change(&mut it.root);
            it.policy.roots = vec![it.certificate(Given::Root).to_pem()];
        })
    }

    /// The same machine, whose report differs.
    pub(crate) fn reporting(self, change: impl FnOnce(&mut [u8; REPORT_BYTES])) -> Self {
        self.with(|it| change(&mut it.report))
    }

    /// The same machine, of which a policy asks something: the JSON of `snp`.
    pub(crate) fn asked(self, policy: &serde_json::Value) -> Self {
        let policy = serde_json::from_value(policy.clone()).expect("a policy");
        self.with(|it| it.policy.snp = Some(policy))
    }

    pub(crate) fn certificate(&self, which: Given) -> Certificate {
        let (issuer, shape, spki) = match which {
            Given::Root => (&self.root, &self.root.shape, self.root.key.spki_der()),
            Given::Intermediate => (
                &self.root,
                &self.intermediate.shape,
                self.intermediate.key.spki_der(),
            ),
            Given::Vek => (&self.intermediate, &self.vek, self.vek_key.spki_der()),
        };
        issuer.vendor().issue(shape, spki).expect("a certificate")
    }

    /// The signed report.
    pub(crate) fn signed_report(&self) -> [u8; REPORT_BYTES] {
        let mut report = self.report;
        let signature = self.vek_key.sign_raw(&report[..672]);
        for (number, at) in signature.chunks(48).zip([672, 672 + 72]) {
            let reversed: Vec<u8> = number.iter().rev().copied().collect();
            report[at..at + 48].copy_from_slice(&reversed);
        }
        (self.damage)(&mut report);
        report
    }

    pub(crate) fn endorsements(&self) -> Endorsements {
        let mut endorsements = Endorsements::none();
        for which in &self.given {
            endorsements
                .add(self.certificate(*which).der())
                .expect("a certificate");
        }
        for certificate in &self.extra {
            endorsements.add(certificate.der()).expect("a certificate");
        }
        for list in &self.lists {
            let signer = Authority {
                key: self.list_key,
                ..self.root.clone()
            };
            let list = signer.vendor().revoke(list).expect("a list");
            endorsements.add(list.der()).expect("a list");
        }
        endorsements
    }

    /// The report as a file.
    pub(crate) fn native(&self) -> Evidence {
        Evidence::read_native(None, &self.signed_report(), None).expect("a report")
    }

    /// The report in an envelope, with everything that belongs to it beside it.
    pub(crate) fn envelope(&self) -> Evidence {
        let mut parts = Parts::new(self.signed_report().to_vec());
        for which in &self.given {
            parts = parts.with(Tag::Endorsement, self.certificate(*which).der().to_vec());
        }
        Evidence::from_parts(Platform::Snp, &parts).expect("evidence")
    }

    /// The same, and the lists.
    pub(crate) fn enveloped_with_lists(&self) -> Evidence {
        let mut parts = Parts::new(self.signed_report().to_vec());
        for list in self.endorsements().crls() {
            parts = parts.with(Tag::Endorsement, list.to_vec());
        }
        Evidence::from_parts(Platform::Snp, &parts).expect("evidence")
    }

    pub(crate) fn inspect(&self) -> Report {
        inspect(
            &self.native(),
            &self.endorsements(),
            &self.policy,
            self.report_data.as_deref(),
            self.now,
        )
    }

    /// The ids of all checks that fail.
    pub(crate) fn failing(&self) -> Vec<&'static str> {
        failing(&self.inspect())
    }
}

pub(crate) fn inspect(
    evidence: &Evidence,
    endorsements: &Endorsements,
    policy: &Fields,
    report_data: Option<&[u8]>,
    now: UnixTime,
) -> Report {
    let json = serde_json::json!({ "format": "strongroom.policy.v1", "evidence": [policy] });
    let policy = InspectionPolicy::parse(json.to_string().as_bytes()).expect("a policy");
    Inspection {
        endorsements,
        policy: &policy,
        roots: &Roots::none(),
        report_data,
        now,
    }
    .report(evidence)
}

pub(crate) fn failing(report: &Report) -> Vec<&'static str> {
    let failed = |check: &&strongroom_attest::Check| matches!(check.outcome, Outcome::Failed { .. });
    report
        .checks()
        .iter()
        .filter(failed)
        .map(|check| check.id)
        .collect()
}

impl Authority {
    fn new(name: &str, serial: &[u8], below: Option<u8>, usage: u16, key: &'static RsaSigningKey) -> Self {
        Self {
            shape: Shape {
                subject: subject(name),
                serial: serial.to_vec(),
                not_before: NOW.minus(3 * YEAR),
                not_after: NOW.plus(20 * YEAR),
                constraints: Constraints::Authority(below),
                key_usage: Some(KeyUsage::from_bits(usage)),
                extended_key_usages: Vec::new(),
                extensions: Vec::new(),
            },
            key,
        }
    }

    /// A certificate of this authority's name and key, signed by itself.
    pub(crate) fn self_signed(&self) -> Certificate {
        let made = self.vendor().issue(&self.shape, self.key.spki_der());
        made.expect("a certificate")
    }

    fn vendor(&self) -> Vendor<'_> {
        Vendor::new(
            &self.shape.subject,
            IssuerKey::Rsa(self.key, RsaScheme::PssSha384),
        )
    }
}

/// A list of the root's, in force, that revokes `serials`.
pub(crate) fn list(serials: &[&[u8]]) -> ListShape {
    ListShape {
        number: 1,
        this_update: NOW.minus(24 * 3600),
        next_update: NOW.plus(YEAR / 2),
        revoked: serials.iter().map(|serial| serial.to_vec()).collect(),
    }
}

pub(crate) fn subject(name: &str) -> Vec<(SubjectPart, String)> {
    vec![
        (SubjectPart::Organization, "Advanced Micro Devices".to_owned()),
        (SubjectPart::CommonName, name.to_owned()),
    ]
}

/// The chip's id; Turin's has 8 bytes.
pub(crate) const CHIP: [u8; 64] = [0xc1; 64];
pub(crate) const CSP_ID: &str = "CN=cc-us-east-2.amazonaws.com";
/// One TCB version for each layout; reserved places are zero.
pub(crate) const MILAN_TCB: [u8; 8] = [4, 1, 0, 0, 0, 0, 24, 0xd9];
pub(crate) const TURIN_TCB: [u8; 8] = [1, 2, 3, 4, 0, 0, 0, 0x51];

/// Arcs of AMD's extensions.
pub(crate) fn oid(last: &[u64]) -> Vec<u64> {
    [&[1, 3, 6, 1, 4, 1, 3704, 1], last].concat()
}

pub(crate) fn integer(number: u8) -> Vec<u8> {
    if number < 0x80 {
        vec![2, 1, number]
    } else {
        vec![2, 2, 0, number]
    }
}

pub(crate) fn ia5(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("short");
    [&[0x16, length], text.as_bytes()].concat()
}

/// Sets an extension of a certificate, or takes it away.
pub(crate) fn set_extension(shape: &mut Shape, last: &[u64], value: Option<Vec<u8>>) {
    shape.extensions.retain(|extension| extension.oid != oid(last));
    shape.extensions.extend(value.map(|value| RawExtension {
        oid: oid(last),
        critical: false,
        value,
    }));
}

fn vek(generation: Generation, kind: Kind) -> Shape {
    let mut shape = Shape {
        subject: subject(if kind == Kind::Vlek {
            "SEV-VLEK"
        } else {
            "SEV-VCEK"
        }),
        serial: vec![0],
        not_before: NOW.minus(YEAR / 4),
        not_after: NOW.plus(YEAR / 2),
        constraints: Constraints::Absent,
        key_usage: None,
        extended_key_usages: Vec::new(),
        extensions: Vec::new(),
    };
    let product = match (generation, kind) {
        (Generation::Milan, Kind::Vcek) => "Milan-B0",
        _ => generation.name(),
    };
    set_extension(&mut shape, &[1], Some(integer(0)));
    set_extension(&mut shape, &[2], Some(ia5(product)));
    let versions: &[(u64, u8)] = match generation {
        Generation::Turin => &[(9, 1), (1, 2), (2, 3), (3, 4), (5, 0), (6, 0), (7, 0), (8, 0x51)],
        _ => &[(1, 4), (2, 1), (4, 0), (5, 0), (6, 0), (7, 0), (3, 24), (8, 0xd9)],
    };
    for (number, version) in versions {
        set_extension(&mut shape, &[3, *number], Some(integer(*version)));
    }
    match (kind, generation) {
        (Kind::Vlek, _) => set_extension(&mut shape, &[5], Some(ia5(CSP_ID))),
        (Kind::Vcek, Generation::Turin) => set_extension(&mut shape, &[4], Some(CHIP[..8].to_vec())),
        (Kind::Vcek, _) => set_extension(&mut shape, &[4], Some(CHIP.to_vec())),
    }
    shape
}

fn report(generation: Generation, version: u8, kind: Kind) -> [u8; REPORT_BYTES] {
    let mut report = [0; REPORT_BYTES];
    let tcb = if generation == Generation::Turin {
        TURIN_TCB
    } else {
        MILAN_TCB
    };
    let mut put = |at: usize, bytes: &[u8]| report[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &[version]);
    put(4, &7_u32.to_le_bytes()); // guest SVN
    put(8, &0x3_001f_u64.to_le_bytes()); // guest policy: SMT, bit 17
    put(16, &[0x16; 16]); // family
    put(32, &[0x32; 16]); // image
    put(52, &[1]); // ECDSA P-384
    for at in [56, 384, 480, 496] {
        put(at, &tcb);
    }
    put(64, &[0x25]); // SMT, ECC, alias check complete
    put(80, &[0x80; 64]); // report data
    put(144, &[0x14; 48]); // measurement
    put(192, &[0x19; 32]); // host data
    put(224, &[0x22; 48]); // ID key
    put(272, &[0x27; 48]); // author key
    put(320, &[0x33; 32]); // report id
    put(352, &[0xff; 32]); // no migration agent
    if version >= 3 {
        put(
            392,
            match generation {
                Generation::Milan => &[0x19, 0x01, 1],
                Generation::Genoa => &[0x19, 0xa0, 2],
                Generation::Turin => &[0x1a, 0x02, 1],
            },
        );
    }
    match (kind, generation) {
        (Kind::Vlek, _) => put(72, &[1 | 1 << 2]),
        (Kind::Vcek, Generation::Turin) => {
            put(72, &[1]);
            put(416, &CHIP[..8]);
        }
        (Kind::Vcek, _) => {
            put(72, &[1]);
            put(416, &CHIP);
        }
    }
    put(488, &[29, 55, 1]); // current firmware 1.55.29
    put(492, &[29, 55, 1]); // committed
    if version >= 5 {
        put(504, &0x0b_u64.to_le_bytes());
        put(512, &0x0b_u64.to_le_bytes());
    }
    report
}
