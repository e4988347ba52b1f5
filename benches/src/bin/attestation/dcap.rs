//! SGX and TDX: genuine quotes with Intel's collateral, the samples of the crate `dcap-qvl`, and that crate itself with the
//! faster of its two back ends.

use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{QuoteCollateralV3, QuotePolicy};
use strongroom_attest::parts::Tag;
use strongroom_attest::{Endorsements, Evidence, Inspection, InspectionPolicy, Parts, Platform, Roots};
use strongroom_benches::{Failure, samples};
use strongroom_crypto::time::UnixTime;

use crate::compare;

/// Within the time of the collateral.
const NOW: UnixTime = UnixTime(1_751_624_924);

pub(crate) fn run(rounds: usize) -> Result<(), Failure> {
    for (title, platform, name) in [
        ("TDX, quote of version 4", Platform::Tdx, "tdx_quote"),
        ("SGX, quote of version 3", Platform::Sgx, "sgx_quote"),
    ] {
        let folder = samples::package("dcap-qvl")?.join("sample");
        let quote = std::fs::read(folder.join(name))?;
        let collateral = std::fs::read_to_string(folder.join(format!("{name}_collateral.json")))?;
        println!("{title}\n");
        verify(rounds, platform, &quote, &collateral)?;
        from_bytes(rounds, platform, &quote, &collateral)?;
    }
    Ok(())
}

/// Evidence and collateral were read before. The other crate reads the texts inside the collateral each time.
fn verify(rounds: usize, platform: Platform, quote: &[u8], collateral: &str) -> Result<(), Failure> {
    let theirs: QuoteCollateralV3 = serde_json::from_str(collateral)?;
    let evidence = Evidence::read_native(None, quote, None)?;
    let mut known = Endorsements::none();
    known.add(collateral.as_bytes())?;
    println!(" everything read before:");
    compare(
        rounds,
        [
            ("dcap-qvl: verify, claims only", &mut || {
                their_check(quote, &theirs)
            }),
            (
                "strongroom: every check, certificates seen for the first time",
                &mut || inspect(platform, &evidence, &Endorsements::none().and(&known)),
            ),
            ("strongroom: every check, endorsements warm", &mut || {
                inspect(platform, &evidence, &known)
            }),
        ],
    )
}

/// All of it comes as bytes, as from a peer.
fn from_bytes(rounds: usize, platform: Platform, quote: &[u8], collateral: &str) -> Result<(), Failure> {
    let parts = Parts::new(quote.to_vec());
    let bare = Evidence::from_parts(platform, &parts)?.to_bytes();
    let with = parts.with(Tag::Collateral, collateral.as_bytes().to_vec());
    let with = Evidence::from_parts(platform, &with)?.to_bytes();
    let mut known = Endorsements::none();
    known.add(collateral.as_bytes())?;
    println!(" from bytes:");
    compare(
        rounds,
        [
            ("dcap-qvl: quote and collateral", &mut || {
                their_check(quote, &serde_json::from_str(collateral)?)
            }),
            (
                "strongroom: quote and collateral, seen for the first time",
                &mut || inspect(platform, &Evidence::parse(&with)?, &Endorsements::none()),
            ),
            ("strongroom: quote, endorsements warm", &mut || {
                inspect(platform, &Evidence::parse(&bare)?, &known)
            }),
        ],
    )
}

fn their_check(quote: &[u8], collateral: &QuoteCollateralV3) -> Result<(), Failure> {
    let policy = QuotePolicy::claims_only(NOW.0);
    QuoteVerifier::new_prod()
        .verify_with_policy(quote, collateral, NOW.0, &policy)
        .map(|_| ())
        .map_err(|error| format!("{error:#}").into())
}

fn inspect(platform: Platform, evidence: &Evidence, endorsements: &Endorsements) -> Result<(), Failure> {
    let inspection = Inspection {
        endorsements,
        policy: &InspectionPolicy::strict(platform),
        roots: &Roots::none(),
        report_data: None,
        now: NOW,
    };
    // The SGX machine lacks patches: nothing else may be wrong with it.
    match inspection.report(evidence).first_failure() {
        Some(check) if check.id != "tcb.status" => Err(format!("refused at {}", check.id).into()),
        _ => Ok(()),
    }
}
