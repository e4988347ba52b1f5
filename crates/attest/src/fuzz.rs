//! Targets for fuzzing: each takes any bytes, and must neither panic nor allocate beyond their size. A stable test
//! drives them with seeded mutations of good input; `.ci/run` drives them with cargo-fuzz.

use strongroom_crypto::time::UnixTime;

use crate::endorsements::{Endorsements, Roots};
use crate::event_log::ima::{IMA_PCR, ImaLog};
use crate::event_log::{Algorithm, Bank, Content, EventLog, LogWriter, Replay, runtime, separators};
use crate::evidence::Evidence;
use crate::inspect::{Inspection, InspectionPolicy};
use crate::platform::snp::REPORT_BYTES;
use crate::platform::{Platform, tpm};
use crate::reference::{ClientPolicy, CoordinatorExpectation};

/// Reads evidence; what was read must be written the same.
pub fn parse_evidence(bytes: &[u8]) {
    if let Ok(evidence) = Evidence::parse(bytes) {
        assert_eq!(evidence.to_bytes(), bytes, "an envelope has one form");
    }
}

/// Reads a TPM's quote as one JSON object, and looks at what was read.
pub fn parse_tpm_json(bytes: &[u8]) {
    if let Ok(evidence) = Evidence::read_native(Some(Platform::Tpm), bytes, None) {
        let inspection = Inspection {
            endorsements: &Endorsements::none(),
            policy: &InspectionPolicy::strict(Platform::Tpm),
            roots: &Roots::none(),
            report_data: None,
            now: UnixTime(1_800_000_000),
        };
        let report = inspection.report(&evidence);
        assert!(report.first_failure().is_some(), "nobody vouches for it");
    }
}

/// Reads what a TPM signs, values of registers, keys and their names.
pub fn parse_tpm_structures(bytes: &[u8]) {
    let _ = tpm::attest::Attest::parse(bytes).map(|attest| attest.quote.map(|quote| quote.to_string()));
    let _ = tpm::Pcrs::parse(bytes).map(|pcrs| assert_eq!(pcrs.to_bytes(), bytes, "values have one form"));
    if let Ok(key) = tpm::KnownKey::parse(bytes) {
        let again = key
            .to_string()
            .parse::<tpm::KnownKey>()
            .map(|key| key.to_string());
        assert_eq!(
            again,
            Ok(key.to_string()),
            "what is known of a key is written readable"
        );
    }
    let _ = tpm::AttestationKeyPublic::parse(bytes).map(|key| (key.name(), key.check_attributes()));
}

/// Reads a policy and an expectation; what was read must read again.
pub fn parse_policy(bytes: &[u8]) {
    if let Ok(policy) = ClientPolicy::parse(bytes) {
        assert!(
            ClientPolicy::parse(policy.to_json().as_bytes()).is_ok(),
            "a policy that was read is written readable"
        );
    }
    let _ = CoordinatorExpectation::parse(bytes);
}

/// Looks at an SNP report, and at the certificates that follow it: DER or PEM. None that a fuzzer makes hang on AMD's root,
/// so nothing is accepted.
pub fn inspect_snp(bytes: &[u8]) {
    let (report, certificates) = bytes.split_at(bytes.len().min(REPORT_BYTES));
    let Ok(evidence) = Evidence::read_native(Some(Platform::Snp), report, None) else {
        return;
    };
    let mut endorsements = Endorsements::none();
    let _ = endorsements.add(certificates);
    let inspection = Inspection {
        endorsements: &endorsements,
        policy: &InspectionPolicy::strict(Platform::Snp),
        roots: &Roots::none(),
        report_data: None,
        now: UnixTime(1_790_000_000),
    };
    let report = inspection.report(&evidence);
    assert!(report.first_failure().is_some(), "nothing here is AMD's");
    let _ = report.to_string();
}

/// Looks at a quote of SGX or TDX without any collateral.
pub fn inspect_dcap_quote(bytes: &[u8]) {
    inspect_dcap(bytes, &Endorsements::none());
}

/// Looks at a quote with collateral: four bytes of the quote's length, little-endian, the quote, and the collateral.
pub fn inspect_dcap_collateral(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return;
    };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let (quote, collateral) = rest.split_at(length.min(rest.len()));
    let mut endorsements = Endorsements::none();
    let _ = endorsements.add(collateral);
    inspect_dcap(quote, &endorsements);
}

/// None that a fuzzer makes hangs on Intel's root, so nothing is accepted.
fn inspect_dcap(quote: &[u8], endorsements: &Endorsements) {
    let Ok(evidence) = Evidence::read_native(None, quote, None) else {
        return;
    };
    let inspection = Inspection {
        endorsements,
        policy: &InspectionPolicy::strict(evidence.platform()),
        roots: &Roots::none(),
        report_data: None,
        now: UnixTime(1_790_000_000),
    };
    let report = inspection.report(&evidence);
    assert!(report.first_failure().is_some(), "nothing here is Intel's");
    let _ = report.to_string();
}

/// Reads an event log and everything that follows from it; appending begins where it ends.
pub fn parse_tcg_log(bytes: &[u8]) {
    let Ok(log) = EventLog::parse(bytes) else {
        return;
    };
    for bank in [Bank::TPM_SHA256, Bank::TPM_SHA384, Bank::TDX] {
        for event in log.events() {
            let content = Content::of(event, bank.algorithm);
            assert_eq!(content.measured.is_some(), content.digest_matches_event());
            let _ = content.to_string();
        }
        if let Ok(replay) = Replay::of(&log, bank) {
            let zeros = (0..bank.layout.registers()).map(|register| (register, &[0; 48][..]));
            let _ = replay.first_divergence(zeros);
        }
        let _ = separators::check(&log, bank);
    }
    let _ = runtime::read(&log, runtime::WORKLOAD_PCR);
    let resumed = LogWriter::resume(bytes).map(LogWriter::finish);
    assert_eq!(
        resumed.as_deref(),
        Ok(&bytes[..log.length()]),
        "only padding is dropped"
    );
}

/// Reads a list of measured files and looks at every entry.
pub fn parse_ima_log(bytes: &[u8]) {
    if let Ok(log) = ImaLog::parse(bytes) {
        for entry in log.entries() {
            let _ = (entry.path(), entry.file_hash());
        }
        let _ = log.confirm(IMA_PCR, Algorithm::Sha256, &[1; 32]);
    }
}
