//! The checks that TDX has beside those of every quote.

use crate::code;
use crate::step::Step;

/// Nobody counts what the TD does.
pub(super) const PROFILING: Step = Step::new(
    "9",
    "td_attributes.profiling",
    code::DEBUG,
    "the host may profile the TD",
    "What the host may count tells it what the TD computes.",
);
/// A page that is taken away is an error, not an event.
pub(super) const SEPT_VE_DISABLE: Step = Step::new(
    "9",
    "td_attributes.sept_ve_disable",
    code::CONFIGURATION,
    "the host can send exceptions into the TD by taking its pages away",
    "With SEPT_VE_DISABLE clear a page that the host takes away raises #VE inside the TD, at any instruction. Newer modules \
     let the guest switch that off later; then the bit shows how it began.",
)
.excusable();
/// The TD stays where it is.
pub(super) const MIGRATABLE: Step = Step::new(
    "9",
    "td_attributes.migratable",
    code::CONFIGURATION,
    "the TD can be migrated",
    "A migration TD that is not looked at here can move the TD to another machine.",
)
.excusable();
/// Service TDs cannot be bound later.
pub(super) const SERVTD_EXT: Step = Step::new(
    "9",
    "td_attributes.servtd_ext",
    code::CONFIGURATION,
    "service TDs can be bound to the TD while it runs",
    "With SERVTD_EXT MRSERVICETD is what was bound at the start, and others may be bound since.",
)
.excusable();
/// Bits without a meaning are zero.
pub(super) const RESERVED: Step = Step::new(
    "9",
    "td_attributes.reserved",
    code::CONFIGURATION,
    "the TD has attributes that nobody knows",
    "A bit that has no meaning yet may mean anything tomorrow.",
)
.excusable();
/// Single steps are noticed, or not, as asked.
pub(super) const ICSSD: Step = neutral(
    "td_attributes.icssd",
    "Counting instructions, the TDX module notices when it is stepped through.",
);
/// Linear address space separation, as asked.
pub(super) const LASS: Step = neutral(
    "td_attributes.lass",
    "Linear address space separation keeps kernel and programs apart.",
);
/// Protection keys for supervisor pages, as asked.
pub(super) const PKS: Step = neutral(
    "td_attributes.pks",
    "Protection keys for supervisor pages are kept for the TD.",
);
/// Key Locker, as asked.
pub(super) const KL: Step = neutral("td_attributes.kl", "Key Locker keys are kept for the TD.");
/// TDX Connect, as asked.
pub(super) const TPA: Step = neutral(
    "td_attributes.tpa",
    "A provisioning agent of TDX Connect decides which devices are trusted.",
);
/// Performance counters, as asked.
pub(super) const PERFMON: Step = neutral(
    "td_attributes.perfmon",
    "Performance counters are kept for the TD.",
);
/// No service TD that nobody expects.
pub(super) const SERVICE_TD: Step = Step::new(
    "9",
    "service_td",
    code::CONFIGURATION,
    "another TD is bound to the TD, and none that is expected",
    "A service TD can migrate the TD or read its metadata: it belongs to what has to be trusted.",
)
.excusable();
/// Intel signed the TDX module.
pub(super) const SEAM_SIGNER: Step = Step::new(
    "9",
    "seam.signer",
    code::CONFIGURATION,
    "its TDX module is not Intel's",
    "MRSIGNERSEAM is zero for the modules that Intel signs.",
);
/// The TDX module is an ordinary one.
pub(super) const SEAM_ATTRIBUTES: Step = Step::new(
    "9",
    "seam.attributes",
    code::CONFIGURATION,
    "its TDX module has attributes that production modules lack",
    "SEAMATTRIBUTES is zero for modules in production.",
);
/// XFAM is expected.
pub(super) const XFAM: Step = Step::new(
    "9",
    "xfam",
    code::CONFIGURATION,
    "the TD may use other processor features than expected",
    "XFAM says which extended state the TD may use.",
)
.excusable();
/// MRSEAM is expected.
pub(super) const MRSEAM: Step = measured(
    "mrseam",
    "its TDX module is none of those expected",
    "The measurement of the TDX module that keeps the host out.",
);
/// MRCONFIGID is expected.
pub(super) const MRCONFIGID: Step = measured(
    "mrconfigid",
    "it has another configuration",
    "Whoever starts the TD chooses it once, for configuration that does not belong to its owner.",
);
/// MROWNER is expected.
pub(super) const MROWNER: Step = measured(
    "mrowner",
    "it has another owner",
    "Whoever starts the TD chooses it once, to name its owner.",
);
/// MROWNERCONFIG is expected.
pub(super) const MROWNERCONFIG: Step = measured(
    "mrownerconfig",
    "it has another configuration of its owner",
    "Whoever starts the TD chooses it once, for configuration of its owner.",
);
/// RTMR0 is expected.
pub(super) const RTMR0: Step = measured(
    "rtmr0",
    "its firmware was set up otherwise",
    "RTMR0 holds the firmware's configuration and Secure Boot.",
);
/// RTMR1 is expected.
pub(super) const RTMR1: Step = measured(
    "rtmr1",
    "it booted another loader or kernel",
    "RTMR1 holds boot loader and kernel.",
);
/// RTMR2 is expected.
pub(super) const RTMR2: Step = measured(
    "rtmr2",
    "it booted with another command line or ramdisk",
    "RTMR2 holds command line and initial ramdisk.",
);
/// RTMR3 is expected.
pub(super) const RTMR3: Step = measured(
    "rtmr3",
    "something else was measured while it ran",
    "RTMR3 holds what was measured while the TD ran.",
);
/// The program that RTMR3 names is expected.
pub(super) const PROGRAM: Step = measured(
    "program",
    "it runs another program",
    "Our own first event in RTMR3 names the program that runs in front of the workload.",
);

pub(crate) const STEPS: &[Step] = &[
    PROFILING,
    SEPT_VE_DISABLE,
    MIGRATABLE,
    SERVTD_EXT,
    RESERVED,
    SERVICE_TD,
    SEAM_SIGNER,
    SEAM_ATTRIBUTES,
    ICSSD,
    LASS,
    PKS,
    KL,
    TPA,
    PERFMON,
    XFAM,
    MRSEAM,
    MRCONFIGID,
    MROWNER,
    MROWNERCONFIG,
    RTMR0,
    RTMR1,
    RTMR2,
    RTMR3,
    PROGRAM,
];

/// A bit of which nothing is asked unless the policy does.
const fn neutral(id: &'static str, why: &'static str) -> Step {
    Step::new(
        "9",
        id,
        code::CONFIGURATION,
        "the TD has another attribute than asked",
        why,
    )
    .excusable()
}

/// A register or identity that a policy may fix.
const fn measured(id: &'static str, refusal: &'static str, why: &'static str) -> Step {
    Step::new("10", id, code::MEASUREMENT, refusal, why)
}
