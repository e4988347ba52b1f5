//! What a package's policy for its platform leaves open.

use std::collections::BTreeSet;

use strongroom_attest::Platform;
use strongroom_attest::platform::dcap::TcbPolicy;
use strongroom_attest::platform::{snp, tdx};
use strongroom_attest::reference::Fields;

/// By which a package is weaker than by the strict policy; every client is shown it.
pub(super) fn exceptions(fields: &Fields) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    let tcb = fields.sgx.as_ref().map(|policy| &policy.tcb);
    let tcb = tcb.or(fields.tdx.as_ref().map(|policy| &policy.tcb));
    if let Some(tcb) = tcb {
        tcb_exceptions(tcb, &mut list);
    }
    if let Some(policy) = &fields.snp {
        snp_exceptions(policy, &mut list);
    }
    if let Some(policy) = &fields.tdx {
        tdx_exceptions(policy, &mut list);
    }
    if fields.platform == Platform::Tdx && !fields.tdx.as_ref().is_some_and(asks_what_boots) {
        list.push(("tdx_boot", ANY_SYSTEM.to_owned()));
    }
    if fields.platform == Platform::Tpm {
        let policy = fields.tpm.as_ref();
        if !policy.is_some_and(|policy| policy.constrains_boot()) {
            list.push(("tpm_boot", UNMEASURED_BOOT.to_owned()));
        }
        if let Some(policy) = policy.filter(|policy| !policy.unlogged.is_empty()) {
            let registers: Vec<String> = policy.unlogged.iter().map(|pcr| pcr.0.to_string()).collect();
            let message = format!("PCR {} may hold what no log explains", registers.join(", "));
            list.push(("unlogged", message));
        }
    }
    list
}

/// What is unwise though it is no weaker than the strict policy.
pub(super) fn warnings(fields: &Fields) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    if let Some(policy) = &fields.snp {
        let vlek_only = policy.signing_keys == [snp::SigningKey::Vlek];
        if vlek_only && !policy.chip_ids.is_empty() {
            let message = "accepts VLEKs only, which name no chip: no report meets `chip_ids`; say `csp_ids`";
            list.push(("vlek_chip_ids", message.to_owned()));
        }
        if vlek_only && policy.csp_ids.is_empty() {
            let message = "accepts VLEKs of every cloud provider and region: `csp_ids` says which";
            list.push(("vlek_any_csp", message.to_owned()));
        }
    }
    list
}

fn tcb_exceptions(tcb: &TcbPolicy, list: &mut Vec<(&'static str, String)>) {
    let strict = TcbPolicy::default().accepted_statuses;
    let weak: Vec<&str> = tcb
        .accepted_statuses
        .difference(&strict)
        .map(|status| status.name())
        .collect();
    if !weak.is_empty() {
        list.push((
            "tcb_status",
            format!("accepts platforms that are {}", weak.join(", ")),
        ));
    }
    for (status, days) in &tcb.grace_days {
        let message = format!("accepts platforms that are {status} for {days} days");
        list.push(("tcb_grace", message));
    }
}

fn snp_exceptions(policy: &snp::Policy, list: &mut Vec<(&'static str, String)>) {
    let levels: BTreeSet<u32> = policy.vmpl.iter().copied().filter(|level| *level != 0).collect();
    if !levels.is_empty() {
        let levels: Vec<String> = levels.iter().map(ToString::to_string).collect();
        let message = format!(
            "accepts reports that were asked for at VMPL {}: what runs at a lower level can change what runs there",
            levels.join(", ")
        );
        list.push(("vmpl", message));
    }
}

fn tdx_exceptions(policy: &tdx::Policy, list: &mut Vec<(&'static str, String)>) {
    if !policy.service_tds.is_empty() {
        let message = "accepts service TDs, which can move the machine elsewhere";
        list.push(("service_td", message.to_owned()));
    }
    if !policy.unlogged.is_empty() {
        let registers: Vec<String> = policy.unlogged.iter().map(|rtmr| format!("RTMR{rtmr}")).collect();
        let message = format!("{} may hold what no log explains", registers.join(", "));
        list.push(("unlogged", message));
    }
}

/// Whether anything is asked of the kernel. RTMR3, and the program in it, is extended by whatever runs by then.
fn asks_what_boots(policy: &tdx::Policy) -> bool {
    !policy.rtmr1.is_empty() || !policy.rtmr2.is_empty() || policy.events.is_some()
}

const UNMEASURED_BOOT: &str = "nothing is asked of how the machine booted: whoever reaches the TPM before the launcher \
                               does can extend the digests that are expected of it";
const ANY_SYSTEM: &str = "asks for firmware only: any kernel and any program may run on it, and extend RTMR3 as is \
                          expected (`Policy` has `rtmr1`, `rtmr2` and `events`)";
