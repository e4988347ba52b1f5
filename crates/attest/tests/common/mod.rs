//! A good piece of evidence with everything that it hangs on. Each test changes one thing.

#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part")]

use strongroom_attest::platform::software::{Authority, Statement};
use strongroom_attest::reference::Fields;
use strongroom_attest::{
    Binding, CoordinatorBinding, Endorsements, Evidence, LogHead, Platform, Protection, ReferenceValues,
    Roots, VerifyError, verify,
};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::time::UnixTime;

pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);

/// Evidence of a launcher, with the reference values that it meets.
pub(crate) struct Fixture {
    pub(crate) authority: Authority,
    pub(crate) statement: Statement,
    pub(crate) session: Binding,
    pub(crate) expected: Fields,
    pub(crate) roots: Roots,
    pub(crate) now: UnixTime,
}

pub(crate) fn good() -> Fixture {
    let authority = Authority::generate(NOW, &SystemRandom).expect("an authority");
    let session = Binding::Coordinator(coordinator());
    let statement = Statement {
        simulator_version: "0.1.0".to_owned(),
        report_data: session.report_data(),
        measurement: sha256(b"program"),
        workload: Some(sha256(b"description")),
        issued_at: NOW,
        debug: false,
    };
    let expected = Fields {
        roots: vec![authority.root().to_pem()],
        measurements: vec![sha256(b"program").into()],
        workloads: vec![sha256(b"description")],
        protection: vec![Protection::Simulated],
        ..Fields::of(Platform::Software)
    };
    let roots = Roots::none().with(Platform::Software, authority.root().clone());
    Fixture {
        authority,
        statement,
        session,
        expected,
        roots,
        now: NOW,
    }
}

pub(crate) fn coordinator() -> CoordinatorBinding {
    CoordinatorBinding {
        nonce: [1; 32],
        exporter: [2; 32],
        root_certificate: b"root".to_vec(),
        phase: "running".to_owned(),
        manifest_digest: Some(sha256(b"manifest")),
        log_head: LogHead {
            epoch: 1,
            size: 7,
            hash: sha256(b"log"),
        },
    }
}

impl Fixture {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn stating(mut self, change: impl FnOnce(&mut Statement)) -> Self {
        change(&mut self.statement);
        self
    }

    pub(crate) fn expecting(mut self, change: impl FnOnce(&mut Fields)) -> Self {
        change(&mut self.expected);
        self
    }

    pub(crate) fn evidence(&self) -> Evidence {
        self.authority.issue(&self.statement)
    }

    /// Verification and appraisal, each with its own arguments.
    pub(crate) fn run_on(&self, evidence: &Evidence) -> Result<String, VerifyError> {
        let verified = verify(
            evidence,
            &Endorsements::none(),
            &self.roots,
            &self.session,
            self.now,
        )?;
        let expected = ReferenceValues::new(self.expected.clone()).expect("usable reference values");
        expected
            .appraise(verified)
            .map(|appraised| appraised.report().to_string())
    }

    pub(crate) fn run(&self) -> Result<String, VerifyError> {
        self.run_on(&self.evidence())
    }
}

/// An envelope around any body.
pub(crate) fn envelope(platform: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("small").to_be_bytes();
    [&b"\x89SREV\r\n\x01"[..], &platform.to_be_bytes(), &length, body].concat()
}

pub(crate) fn other_digest() -> Digest32 {
    sha256(b"another")
}
