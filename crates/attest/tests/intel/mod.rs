//! Intel-shaped evidence under a root of the test's own: certificates with Intel's extension, revocation lists, TCB
//! information, QE identity, and quotes of every version and body. A machine is good as it is made; a test changes one
//! thing.

#![expect(dead_code, reason = "each test uses its part of the machine")]

pub(crate) mod certificates;
pub(crate) mod collateral;
pub(crate) mod quote;

use certificates::{Key, Pki};
use quote::Kind;
use serde_json::Value;
use strongroom_attest::parts::Tag;
use strongroom_attest::reference::Fields;
use strongroom_attest::{
    Endorsements, Evidence, Inspection, InspectionPolicy, Outcome, ParseError, Parts, Platform, Report, Roots,
};
use strongroom_crypto::time::UnixTime;

/// The time of the tests: 2026-09-21.
pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);

/// A machine with an enclave or a TD, and the vendor above it.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) kind: Kind,
    pub(crate) pki: Pki,
    /// Header of the quote, 48 bytes; for version 5 with type and size of the body.
    pub(crate) header: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// The quoting enclave's report, without its report data.
    pub(crate) qe: Vec<u8>,
    pub(crate) qe_authentication_data: Vec<u8>,
    pub(crate) certification_type: u16,
    /// Instead of the certificate chain.
    pub(crate) certification_data: Option<Vec<u8>>,
    /// Who signs the quoting enclave's report.
    pub(crate) qe_signed_by: Key,
    /// Which key the quoting enclave vouches for.
    pub(crate) qe_vouches_for: Key,
    /// Who signs the quote.
    pub(crate) attestation_key: Key,
    /// What is changed after signing.
    pub(crate) damage: fn(&mut Vec<u8>),
    pub(crate) tcb_info: Value,
    pub(crate) qe_identity: Value,
    /// What is changed in the collateral after signing.
    pub(crate) damage_collateral: fn(&mut Value),
    /// Collateral that is handed in beside the machine's own.
    pub(crate) more_collateral: Vec<String>,
    /// Whether its own is handed in.
    pub(crate) has_collateral: bool,
    pub(crate) event_log: Option<Vec<u8>>,
    /// The highest evaluation number that was seen for its family.
    pub(crate) floor: Option<u32>,
    pub(crate) policy: Fields,
    pub(crate) report_data: Option<Vec<u8>>,
    pub(crate) now: UnixTime,
}

impl Machine {
    pub(crate) fn new(kind: Kind) -> Self {
        let pki = Pki::good();
        let mut policy = Fields::of(kind.platform());
        policy.roots = vec![pki.root().to_pem()];
        Self {
            kind,
            header: quote::header(kind),
            body: quote::body(kind),
            qe: quote::quoting_enclave(kind),
            qe_authentication_data: (0..32).collect(),
            certification_type: 5,
            certification_data: None,
            qe_signed_by: Key::Pck,
            qe_vouches_for: Key::Attestation,
            attestation_key: Key::Attestation,
            damage: |_| {},
            tcb_info: collateral::tcb_info(kind),
            qe_identity: collateral::qe_identity(kind),
            damage_collateral: |_| {},
            more_collateral: Vec::new(),
            has_collateral: true,
            event_log: None,
            floor: None,
            policy,
            report_data: None,
            now: NOW,
            pki,
        }
    }

    pub(crate) fn sgx() -> Self {
        Self::new(Kind::Sgx)
    }

    pub(crate) fn tdx() -> Self {
        Self::new(Kind::Td15)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The same machine, whose root differs; its policy names that one.
    pub(crate) fn under(self, change: impl FnOnce(&mut Pki)) -> Self {
        self.with(|it| {
            change(&mut it.pki);
            it.policy.roots = vec![it.pki.root().to_pem()];
        })
    }

    /// The same machine, with other bytes in the body of its quote.
    pub(crate) fn body_at(self, at: usize, bytes: &[u8]) -> Self {
        self.with(|it| it.body[at..at + bytes.len()].copy_from_slice(bytes))
    }

    /// The same machine, with other bytes in the report of its quoting enclave.
    pub(crate) fn qe_at(self, at: usize, bytes: &[u8]) -> Self {
        self.with(|it| it.qe[at..at + bytes.len()].copy_from_slice(bytes))
    }

    /// The same machine, of which a policy asks something: the JSON of `sgx` or `tdx`.
    pub(crate) fn asked(self, policy: &Value) -> Self {
        self.with(|it| match it.kind.platform() {
            Platform::Sgx => it.policy.sgx = Some(serde_json::from_value(policy.clone()).expect("a policy")),
            _ => it.policy.tdx = Some(serde_json::from_value(policy.clone()).expect("a policy")),
        })
    }

    /// The signed quote.
    pub(crate) fn quote(&self) -> Vec<u8> {
        quote::sign(self)
    }

    pub(crate) fn evidence(&self) -> Evidence {
        self.try_evidence().expect("evidence that can be read")
    }

    pub(crate) fn try_evidence(&self) -> Result<Evidence, ParseError> {
        Evidence::read_native(
            Some(self.kind.platform()),
            &self.quote(),
            self.event_log.as_deref(),
        )
    }

    /// The same in our envelope, with its collateral inside.
    pub(crate) fn envelope(&self) -> Evidence {
        let mut parts = Parts::new(self.quote());
        if self.has_collateral {
            parts = parts.with(Tag::Collateral, self.collateral().into_bytes());
        }
        if let Some(log) = &self.event_log {
            parts = parts.with(Tag::EventLog, log.clone());
        }
        Evidence::from_parts(self.kind.platform(), &parts).expect("evidence")
    }

    pub(crate) fn collateral(&self) -> String {
        collateral::sign(self)
    }

    pub(crate) fn endorsements(&self) -> Endorsements {
        let mut endorsements = Endorsements::none();
        if self.has_collateral {
            endorsements
                .add(self.collateral().as_bytes())
                .expect("collateral");
        }
        for text in &self.more_collateral {
            endorsements.add(text.as_bytes()).expect("collateral");
        }
        if let Some(floor) = self.floor {
            endorsements.raise_evaluation_floor(certificates::FMSPC, floor);
        }
        endorsements
    }

    pub(crate) fn inspect(&self) -> Report {
        let report_data = self.report_data.as_deref();
        inspect(
            &self.evidence(),
            &self.endorsements(),
            &self.policy,
            report_data,
            self.now,
        )
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
    let inspection = Inspection {
        endorsements,
        policy: &policy,
        roots: &Roots::none(),
        report_data,
        now,
    };
    inspection.report(evidence)
}

/// The ids of the checks that failed.
pub(crate) fn failing(report: &Report) -> Vec<&'static str> {
    let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed { .. });
    let checks = report.checks().iter();
    checks
        .filter(|check| failed(&check.outcome))
        .map(|check| check.id)
        .collect()
}

/// Holds what fails at a machine against what should.
pub(crate) fn check(machine: &Machine, expected: &[&str]) {
    let report = machine.inspect();
    assert_eq!(failing(&report), expected, "{report}");
}
