//! Held against another implementation, `dcap-qvl`: what it refuses is refused here, and what it accepts has the same status
//! and the same advisories here, or is refused for one of the few things that it does not look at.

mod intel;
mod samples;

use std::sync::LazyLock;

use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{QuoteCollateralV3, QuotePolicy};
use intel::certificates::{DAY, Key, PCE_SVN, SVNS, subject};
use intel::collateral::{enclave_level, level};
use intel::quote::{Kind, TD_ATTRIBUTES, TEE_TCB_SVN};
use intel::{Machine, NOW, failing};
use serde_json::{Value, json};
use strongroom_attest::reference::Fields;
use strongroom_attest::{Endorsements, Evidence, Platform};
use strongroom_crypto::time::UnixTime;

/// Status and advisories, in order.
type Tcb = (String, Vec<String>);

/// What the other implementation says. A chain that comes with the collateral counts for it more than the quote's, which
/// is what we do not do: it gets none.
fn theirs(quote: &[u8], collateral: &str, root: &[u8], now: UnixTime) -> Result<Tcb, String> {
    let mut collateral: QuoteCollateralV3 =
        serde_json::from_str(collateral).map_err(|error| error.to_string())?;
    collateral.pck_certificate_chain = None;
    let verifier: QuoteVerifier = QuoteVerifier::new(root.to_vec());
    let claims = verifier
        .verify_with_policy(quote, collateral, now.0, &QuotePolicy::claims_only(now.0))
        .map_err(|error| format!("{error:#}"))?;
    let mut advisories = claims.tcb.advisory_ids;
    advisories.sort();
    Ok((claims.tcb.status.to_string(), advisories))
}

/// The failed checks, and the status where there is one. Every status is accepted but the one that nobody may accept.
fn ours(quote: &[u8], collateral: &str, fields: &Fields, now: UnixTime) -> (Vec<&'static str>, Option<Tcb>) {
    let mut endorsements = Endorsements::none();
    let Ok(evidence) = Evidence::read_native(Some(fields.platform), quote, None) else {
        return (vec!["format"], None);
    };
    if endorsements.add(collateral.as_bytes()).is_err() {
        return (vec!["endorsements.format"], None);
    }
    let mut fields = fields.clone();
    let every = json!({ "tcb": { "accepted_statuses": [
        "UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
        "OutOfDateConfigurationNeeded", "TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded",
    ] } });
    match fields.platform {
        Platform::Sgx => fields.sgx = Some(serde_json::from_value(every).expect("a policy")),
        _ => fields.tdx = Some(serde_json::from_value(every).expect("a policy")),
    }
    let report = intel::inspect(&evidence, &endorsements, &fields, None, now);
    let tcb = report
        .tcb()
        .map(|tcb| (tcb.status.clone(), tcb.advisories.clone()));
    (failing(&report), tcb)
}

/// Checks that the other implementation does not make.
const MORE: &[&str] = &[
    "format",                // signed SGX bodies in versions 4 and 5, certification data that goes on
    "format.trailing_bytes", // it stops reading there
    "pck.certificate",       // a chain of other than three, in another order
    "pck.chain",             // the root in the chain, in whose place it takes its own
    "endorsements.format",   // levels that are never reached may have any form
    "tcb_info.pce_id",
    "qe.report_data", // its second half
    "seam.signer",
    "seam.attributes",
    "sgx_attributes.init",
    "service_td", // service TDs of extended bodies
];

/// What hangs on the root in the chain.
const OF_ROOT: &[&str] = &[
    "root",
    "pck.certificate_time",
    "ca.crl",
    "ca.revoked",
    "endorsements.signer",
];

struct Case {
    name: String,
    quote: Vec<u8>,
    collateral: String,
    root: Vec<u8>,
    fields: Fields,
    now: UnixTime,
}

impl Case {
    fn of(name: impl Into<String>, machine: &Machine) -> Self {
        Self {
            name: name.into(),
            quote: machine.quote(),
            collateral: machine.collateral(),
            root: machine.pki.root().der().to_vec(),
            fields: machine.policy.clone(),
            now: machine.now,
        }
    }

    /// Whether both accept.
    fn compare(&self) -> bool {
        let theirs = theirs(&self.quote, &self.collateral, &self.root, self.now);
        let (failed, tcb) = ours(&self.quote, &self.collateral, &self.fields, self.now);
        match &theirs {
            Err(why) => assert!(!failed.is_empty(), "{}: accepted here; there {why}", self.name),
            Ok(theirs) => {
                // Without a chain that can be read there is no root.
                let unread = failed.contains(&"pck.certificate");
                // The root in the chain is looked at here, and there another takes its place.
                let rootless = failed.contains(&"pck.chain");
                let more = failed.iter().all(|id| {
                    MORE.contains(id) || (unread && *id == "root") || (rootless && OF_ROOT.contains(id))
                });
                assert!(more, "{}: accepted there; here {failed:?}", self.name);
                if let Some(tcb) = &tcb {
                    assert_eq!(tcb, theirs, "{}", self.name);
                }
            }
        }
        theirs.is_ok() && failed.is_empty()
    }
}

static SAMPLES: LazyLock<std::path::PathBuf> = LazyLock::new(|| samples::package("dcap-qvl").join("sample"));

fn sample(name: &str) -> Vec<u8> {
    let bytes = std::fs::read(SAMPLES.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    match name.strip_suffix(".hex") {
        Some(_) => {
            let digits = bytes.trim_ascii();
            hex::decode(digits.strip_prefix(b"0x").unwrap_or(digits)).expect("hexadecimal")
        }
        None => bytes,
    }
}

const QUOTES: [&str; 6] = [
    "sgx_quote",
    "tdx_quote",
    "tdx_quote_outdated",
    "tdx_quote_td15ex",
    "quote-from-tappd.hex",
    "tdx-quote.hex",
];
const COLLATERAL: [&str; 4] = [
    "sgx_quote_collateral.json",
    "tdx_quote_collateral.json",
    "tdx_quote_outdated_collateral.json",
    "tdx_quote_td15ex_collateral.json",
];

/// Intel's root, as the chain of a sample's collateral has it.
fn intel_root(collateral: &str) -> Vec<u8> {
    let json: Value = serde_json::from_str(collateral).expect("JSON");
    let chain = json["tcb_info_issuer_chain"].as_str().expect("a chain");
    let chain = strongroom_crypto::x509::Certificate::parse_pem_chain(chain).expect("certificates");
    chain.last().expect("a root").der().to_vec()
}

/// Times around the window of the TCB information: outside on both sides, just inside, in the middle.
fn times(collateral: &str) -> Vec<UnixTime> {
    let json: Value = serde_json::from_str(collateral).expect("JSON");
    let info: Value = serde_json::from_str(json["tcb_info"].as_str().expect("a text")).expect("JSON");
    let time =
        |member: &str| UnixTime::parse_rfc3339(info[member].as_str().expect("a time")).expect("a time");
    let (from, to) = (time("issueDate"), time("nextUpdate"));
    let middle = UnixTime(u64::midpoint(from.0, to.0));
    vec![
        from.minus(DAY),
        from.minus(1),
        middle,
        to.plus(1),
        to.plus(40 * DAY),
    ]
}

fn sample_case(quote: &str, collateral: &str, now: UnixTime) -> Case {
    let bytes = sample(quote);
    let text = String::from_utf8(sample(collateral)).expect("a text");
    let platform = if bytes[4] == 0 {
        Platform::Sgx
    } else {
        Platform::Tdx
    };
    Case {
        name: format!("{quote} with {collateral} at {now}"),
        root: intel_root(&text),
        fields: Fields::of(platform),
        quote: bytes,
        collateral: text,
        now,
    }
}

#[test]
fn samples_with_every_collateral_at_every_time() {
    let mut accepted = 0;
    for quote in QUOTES {
        for collateral in COLLATERAL {
            for now in times(&String::from_utf8(sample(collateral)).expect("a text")) {
                accepted += usize::from(sample_case(quote, collateral, now).compare());
            }
        }
    }
    assert!(accepted >= 4, "{accepted} accepted");
}

/// Machines that differ from a good one in one thing or two, good and bad.
fn machines() -> Vec<Machine> {
    let mut machines: Vec<Machine> = Kind::ALL.into_iter().map(Machine::new).collect();
    let changes: &[fn(&mut Machine)] = &[
        |it| it.header[12] ^= 1,
        |it| it.qe_signed_by = Key::Other,
        |it| it.qe_vouches_for = Key::Other,
        |it| it.attestation_key = Key::Other,
        |it| it.qe[128] ^= 1,
        |it| it.qe[256] = 9,
        |it| it.qe[16] = 1,
        |it| it.qe[48] = 0x35,
        |it| it.qe[48] = 0x17,
        |it| it.qe[258] = 5,
        |it| it.qe[258] = 6,
        |it| it.qe[258] = 7,
        |it| it.qe_identity["id"] = "QE".into(),
        |it| it.qe_identity["id"] = "TD_QE".into(),
        |it| it.qe_identity["version"] = 3.into(),
        |it| it.qe_identity["version"] = 1.into(),
        |it| it.qe_identity["tcbLevels"] = json!([]),
        |it| it.qe_identity["tcbLevels"][0]["tcbStatus"] = "Revoked".into(),
        |it| it.qe_identity["tcbLevels"][0]["tcbStatus"] = "OutOfDateConfigurationNeeded".into(),
        |it| it.qe_identity["tcbLevels"] = json!([enclave_level(1, "OutOfDate", &["INTEL-SA-00007"])]),
        |it| it.qe_identity["issueDate"] = "2026-09-22T00:00:00Z".into(),
        |it| it.qe_identity["nextUpdate"] = "2026-09-20T00:00:00Z".into(),
        |it| it.tcb_info["issueDate"] = "2026-09-22T00:00:00Z".into(),
        |it| it.tcb_info["nextUpdate"] = "2026-09-20T00:00:00Z".into(),
        |it| it.tcb_info["id"] = "SGX".into(),
        |it| it.tcb_info["id"] = "TDX".into(),
        |it| it.tcb_info["version"] = 2.into(),
        |it| it.tcb_info["fmspc"] = "50806f000000".into(),
        |it| it.tcb_info["pceId"] = "0001".into(),
        |it| it.tcb_info["tcbLevels"] = json!([]),
        |it| it.tcb_info["tcbLevels"][0]["tcbStatus"] = "SWHardeningNeeded".into(),
        |it| it.tcb_info["tcbLevels"][0]["tcbStatus"] = "ConfigurationAndSWHardeningNeeded".into(),
        |it| it.tcb_info["tcbLevels"][0]["tcbStatus"] = "OutOfDateConfigurationNeeded".into(),
        |it| it.tcb_info["tcbLevels"][0]["tcbStatus"] = "Revoked".into(),
        |it| it.tcb_info["tcbLevels"][0]["tcbStatus"] = "TDRelaunchAdvised".into(),
        |it| it.tcb_info["tcbLevels"][0]["tcb"]["pcesvn"] = 99.into(),
        |it| it.tcb_info["tcbLevels"].as_array_mut().expect("a list").reverse(),
        |it| it.pki.extension.svns[0] -= 1,
        |it| it.pki.extension.svns[0] -= 2,
        |it| it.pki.extension.pce_svn = 6,
        |it| it.pki.extension.platform = None,
        |it| it.pki.extension.raw = Some(vec![0x30, 0]),
        |it| it.pki.pck.signed_by = Key::Other,
        |it| it.pki.ca.signed_by = Key::Other,
        |it| it.pki.signer.signed_by = Key::Other,
        |it| it.pki.pck.issuer = subject("Another CA"),
        |it| it.pki.pck.at(Some(NOW.plus(1)), None),
        |it| it.pki.pck.at(None, Some(NOW.minus(1))),
        |it| it.pki.signer.at(None, Some(NOW.minus(1))),
        |it| it.pki.pck_list = None,
        |it| it.pki.root_list = None,
        |it| it.pki.pck_list.as_mut().expect("a list").signed_by = Key::Other,
        |it| it.pki.root_list.as_mut().expect("a list").signed_by = Key::Other,
        |it| it.pki.pck_list.as_mut().expect("a list").shape.next_update = NOW,
        |it| it.pki.root_list.as_mut().expect("a list").shape.next_update = NOW,
        |it| it.pki.pck_list.as_mut().expect("a list").shape.this_update = NOW.plus(DAY),
        |it| it.pki.pck_list.as_mut().expect("a list").shape.revoked = vec![vec![0x22, 3]],
        |it| it.pki.root_list.as_mut().expect("a list").shape.revoked = vec![vec![0x22, 2]],
        |it| it.pki.root_list.as_mut().expect("a list").shape.revoked = vec![vec![0x22, 4]],
        |it| it.pki.root_list.as_mut().expect("a list").shape.revoked = vec![vec![0x22, 1]],
        |it| it.damage_collateral = |json| json["tcb_info_signature"] = json["qe_identity_signature"].clone(),
        |it| it.damage = |quote| quote.extend_from_slice(&[0; 70]),
        |it| it.damage = |quote| quote.extend_from_slice(b"more"),
        |it| it.certification_type = 3,
    ];
    for kind in [Kind::Sgx, Kind::Td10, Kind::Td15] {
        let pairs = changes.iter().map(|change| Machine::new(kind).with(change));
        machines.extend(pairs);
    }
    machines.extend(tds());
    machines
}

/// TDs that differ in their bodies.
fn tds() -> Vec<Machine> {
    let mut machines = Vec::new();
    for kind in [Kind::Td10, Kind::Td15, Kind::Td15Ex] {
        let bits = [0, 1, 5, 17, 20, 24, 27, 29, 30, 31, 40, 62, 63];
        machines.extend(bits.map(|bit| {
            let attributes = if bit == 0 { 0 } else { TD_ATTRIBUTES | 1 << bit };
            Machine::new(kind).body_at(120, &attributes.to_le_bytes())
        }));
        machines.extend([2, 3, 4, 6].map(|svn| Machine::new(kind).body_at(0, &[svn])));
        machines.extend([0, 2, 3].map(|version| Machine::new(kind).body_at(1, &[version])));
        let info: [fn(&mut Value); 5] = [
            |info| info["tdxModuleIdentities"] = json!([]),
            |info| info["tdxModuleIdentities"][0]["id"] = "tdx_01".into(),
            |info| info["tdxModuleIdentities"][0]["attributesMask"] = "0000000000000000".into(),
            |info| info["tdxModuleIdentities"][0]["tcbLevels"][0]["tcbStatus"] = "Revoked".into(),
            |info| info["tdxModule"] = Value::Null,
        ];
        machines.extend(info.map(|change| Machine::new(kind).with(|it| change(&mut it.tcb_info))));
        machines.push(Machine::new(kind).body_at(64, &[1]));
        machines.push(Machine::new(kind).body_at(112, &[1]));
    }
    for kind in [Kind::Td15, Kind::Td15Ex] {
        for (launch, now) in [(3, 5), (5, 3), (3, 3), (2, 5), (5, 2), (3, 6)] {
            for status in [
                "UpToDate",
                "ConfigurationNeeded",
                "SWHardeningNeeded",
                "OutOfDate",
            ] {
                machines.push(
                    Machine::new(kind)
                        .body_at(0, &[launch])
                        .body_at(584, &[now])
                        .with(|it| {
                            let mut svn = TEE_TCB_SVN;
                            svn[..2].fill(0);
                            it.tcb_info["tcbLevels"] =
                                json!([level(kind, &SVNS, PCE_SVN, &svn, status, &["INTEL-SA-00008"])]);
                        }),
                );
            }
        }
        machines.push(Machine::new(kind).body_at(600, &[1]));
        machines.push(Machine::new(kind).body_at(586, &[3]));
        machines.push(Machine::new(kind).body_at(585, &[2]));
    }
    machines
}

#[test]
fn machines_of_every_kind_good_and_bad() {
    let mut accepted = 0;
    for (number, machine) in machines().iter().enumerate() {
        accepted += usize::from(Case::of(format!("machine {number}"), machine).compare());
    }
    assert!(accepted >= 60, "{accepted} accepted");
}

/// One byte of a sample or of its collateral is changed, anywhere, by a generator (xorshift64) whose seed is fixed.
#[test]
fn damaged_samples() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (limit as u64)).expect("below a length")
    };
    let good = [
        sample_case(QUOTES[0], COLLATERAL[0], UnixTime(1_751_624_924)),
        sample_case(QUOTES[1], COLLATERAL[1], UnixTime(1_751_624_191)),
        sample_case(QUOTES[3], COLLATERAL[3], UnixTime(1_792_714_008)),
    ];
    for case in good {
        assert!(case.compare(), "{}", case.name);
        for round in 0..60 {
            let mut damaged = Case {
                name: format!("{}, round {round}", case.name),
                quote: case.quote.clone(),
                collateral: case.collateral.clone(),
                root: case.root.clone(),
                fields: case.fields.clone(),
                now: case.now,
            };
            if round % 2 == 0 {
                let at = below(damaged.quote.len());
                damaged.quote[at] ^= 1 << below(8);
            } else {
                let mut text = damaged.collateral.into_bytes();
                let at = below(text.len());
                text[at] = b"0aF{\"\\-"[below(7)];
                damaged.collateral = String::from_utf8(text).expect("ASCII for ASCII");
            }
            damaged.compare();
        }
    }
}
