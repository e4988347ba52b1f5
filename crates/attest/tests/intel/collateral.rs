//! TCB information, QE identity, and both with their signatures and lists as `QuoteCollateralV3`.

use serde_json::{Value, json};

use super::certificates::{FMSPC, PCE_SVN, SVNS};
use super::quote::{Kind, TEE_TCB_SVN};
use super::{Machine, certificates};

pub(crate) const QE_SIGNER: [u8; 32] = [0x41; 32];
const ISSUED: &str = "2026-09-10T12:00:00Z";
const NEXT: &str = "2026-10-10T12:00:00Z";
/// The date of the level that the machine meets, and of its module's and its quoting enclave's.
pub(crate) const LEVEL_DATE: &str = "2026-05-14T00:00:00Z";

fn components(svns: &[u8; 16]) -> Vec<Value> {
    svns.iter()
        .map(|svn| json!({ "svn": svn, "category": "BIOS" }))
        .collect()
}

/// A level that needs these security versions.
pub(crate) fn level(
    kind: Kind,
    sgx: &[u8; 16],
    pce_svn: u16,
    tdx: &[u8; 16],
    status: &str,
    advisories: &[&str],
) -> Value {
    let mut level = json!({
        "tcb": { "sgxtcbcomponents": components(sgx), "pcesvn": pce_svn },
        "tcbDate": LEVEL_DATE,
        "tcbStatus": status,
    });
    if kind != Kind::Sgx {
        level["tcb"]["tdxtcbcomponents"] = components(tdx).into();
    }
    if !advisories.is_empty() {
        level["advisoryIDs"] = advisories.into();
    }
    level
}

/// A level of the quoting enclave or of a module.
pub(crate) fn enclave_level(isvsvn: u16, status: &str, advisories: &[&str]) -> Value {
    json!({
        "tcb": { "isvsvn": isvsvn },
        "tcbDate": LEVEL_DATE,
        "tcbStatus": status,
        "advisoryIDs": advisories,
    })
}

pub(crate) fn tcb_info(kind: Kind) -> Value {
    let best = level(kind, &SVNS, PCE_SVN, &TEE_TCB_SVN, "UpToDate", &[]);
    let mut older = SVNS;
    older[0] -= 1;
    let worse = level(
        kind,
        &older,
        5,
        &[0; 16],
        "OutOfDate",
        &["INTEL-SA-00002", "INTEL-SA-00001"],
    );
    let mut info = json!({
        "id": if kind == Kind::Sgx { "SGX" } else { "TDX" },
        "version": 3,
        "issueDate": ISSUED,
        "nextUpdate": NEXT,
        "fmspc": FMSPC.to_uppercase(),
        "pceId": "0000",
        "tcbType": 0,
        "tcbEvaluationDataNumber": 20,
        "tcbLevels": [best, worse],
    });
    if kind != Kind::Sgx {
        let module = json!({
            "mrsigner": "00".repeat(48),
            "attributes": "0000000000000000",
            "attributesMask": "FFFFFFFFFFFFFFFF",
        });
        let mut identity = module.clone();
        identity["id"] = "TDX_01".into();
        identity["tcbLevels"] = json!([
            enclave_level(5, "UpToDate", &[]),
            enclave_level(3, "OutOfDate", &["INTEL-SA-00003"]),
        ]);
        info["tdxModule"] = module;
        info["tdxModuleIdentities"] = json!([identity]);
    }
    info
}

pub(crate) fn qe_identity(kind: Kind) -> Value {
    json!({
        "id": if kind == Kind::Sgx { "QE" } else { "TD_QE" },
        "version": 2,
        "issueDate": ISSUED,
        "nextUpdate": NEXT,
        "tcbEvaluationDataNumber": 20,
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": "11000000000000000000000000000000",
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": hex::encode_upper(QE_SIGNER),
        "isvprodid": if kind == Kind::Sgx { 1 } else { 2 },
        "tcbLevels": [
            enclave_level(8, "UpToDate", &[]),
            enclave_level(6, "OutOfDate", &["INTEL-SA-00004"]),
        ],
    })
}

pub(crate) fn sign(machine: &Machine) -> String {
    let pki = &machine.pki;
    let sign = |certified: &certificates::Certified, text: &str| {
        hex::encode(certified.key.get().sign_raw(text.as_bytes()))
    };
    let (tcb_info, qe_identity) = (machine.tcb_info.to_string(), machine.qe_identity.to_string());
    let list = |list: &Option<certificates::Listed>| {
        list.as_ref()
            .map(|list| hex::encode(list.issue().der()))
            .unwrap_or_default()
    };
    let qe_signer = pki.qe_signer.as_ref().unwrap_or(&pki.signer);
    let mut collateral = json!({
        "pck_crl_issuer_chain": format!("{}{}", pki.ca.issue().to_pem(), pki.root().to_pem()),
        "root_ca_crl": list(&pki.root_list),
        "pck_crl": list(&pki.pck_list),
        "tcb_info_issuer_chain": pki.signer_chain(),
        "tcb_info_signature": sign(&pki.signer, &tcb_info),
        "tcb_info": tcb_info,
        "qe_identity_issuer_chain": pki.qe_signer_chain(),
        "qe_identity_signature": sign(qe_signer, &qe_identity),
        "qe_identity": qe_identity,
    });
    (machine.damage_collateral)(&mut collateral);
    collateral.to_string()
}
