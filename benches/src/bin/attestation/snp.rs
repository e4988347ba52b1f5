//! SEV-SNP: a report of a Milan machine with AMD's chain (RSA of 4096 bits, PSS), the sample of the crate `sev`, and that
//! crate itself, which checks signatures only.

use std::path::Path;

use sev::certs::snp::{Chain, Verifiable, builtin::milan, ca};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser;
use strongroom_attest::parts::Tag;
use strongroom_attest::{Endorsements, Evidence, Inspection, InspectionPolicy, Parts, Platform, Roots};
use strongroom_benches::{Failure, samples};
use strongroom_crypto::time::UnixTime;

use crate::compare;

/// Within the time of the chip's certificate.
const NOW: UnixTime = UnixTime(1_696_118_400);

pub(crate) fn run(rounds: usize) -> Result<(), Failure> {
    let folder = samples::package("sev")?;
    let data = |name: &str| std::fs::read(folder.join("tests/certs_data").join(name));
    let report = hex::decode(data("report_milan.hex")?.trim_ascii())?;
    let vcek = data("vcek_milan.der")?;
    let certificates = [
        vcek.clone(),
        milan_authority(&folder, "ask")?,
        milan_authority(&folder, "ark")?,
    ];

    println!("SEV-SNP, report of a Milan machine\n");
    verify(rounds, &report, &certificates)?;
    from_bytes(rounds, &report, &certificates)
}

/// Evidence, certificates and chain were read before.
fn verify(rounds: usize, report: &[u8], certificates: &[Vec<u8>; 3]) -> Result<(), Failure> {
    let theirs = (
        their_chain(&certificates[0])?,
        AttestationReport::from_bytes(report)?,
    );
    let evidence = Evidence::read_native(None, report, None)?;
    let mut known = Endorsements::none();
    for certificate in certificates {
        known.add(certificate)?;
    }
    println!(" everything read before:");
    compare(
        rounds,
        [
            ("sev: signatures of chain and report", &mut || {
                (&theirs.0, &theirs.1).verify().map_err(Failure::from)
            }),
            ("sev: signature of the report alone", &mut || {
                (&theirs.0.vek, &theirs.1).verify().map_err(Failure::from)
            }),
            (
                "strongroom: every check, chain seen for the first time",
                &mut || inspect(&evidence, &forgetful(&known)?),
            ),
            ("strongroom: every check, chain seen before", &mut || {
                inspect(&evidence, &known)
            }),
        ],
    )
}

/// All of it comes as bytes, as from a peer.
fn from_bytes(rounds: usize, report: &[u8], certificates: &[Vec<u8>; 3]) -> Result<(), Failure> {
    let mut parts = Parts::new(report.to_vec());
    for certificate in certificates {
        parts = parts.with(Tag::Endorsement, certificate.clone());
    }
    let envelope = Evidence::from_parts(Platform::Snp, &parts)?.to_bytes();
    let known = Endorsements::none();
    println!(" report and certificates from bytes:");
    compare(
        rounds,
        [
            ("sev: signatures of chain and report", &mut || {
                let report = AttestationReport::from_bytes(report)?;
                (&their_chain(&certificates[0])?, &report)
                    .verify()
                    .map_err(Failure::from)
            }),
            (
                "strongroom: every check, chain seen for the first time",
                &mut || inspect(&Evidence::parse(&envelope)?, &Endorsements::none()),
            ),
            ("strongroom: every check, chain seen before", &mut || {
                inspect(&Evidence::parse(&envelope)?, &known)
            }),
        ],
    )
}

/// The same endorsements, which remember nothing.
fn forgetful(endorsements: &Endorsements) -> Result<Endorsements, Failure> {
    Ok(Endorsements::none().and(endorsements))
}

fn inspect(evidence: &Evidence, endorsements: &Endorsements) -> Result<(), Failure> {
    let inspection = Inspection {
        endorsements,
        policy: &InspectionPolicy::strict(Platform::Snp),
        roots: &Roots::none(),
        report_data: None,
        now: NOW,
    };
    match inspection.report(evidence).first_failure() {
        None => Ok(()),
        Some(check) => Err(format!("refused at {}", check.id).into()),
    }
}

fn their_chain(vcek: &[u8]) -> Result<Chain, Failure> {
    Ok(Chain {
        ca: ca::Chain {
            ark: milan::ark()?,
            ask: milan::ask()?,
        },
        vek: sev::certs::snp::Certificate::from_der(vcek)?,
    })
}

fn milan_authority(folder: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    Ok(std::fs::read(
        folder.join(format!("src/certs/snp/builtin/milan/{name}.pem")),
    )?)
}
