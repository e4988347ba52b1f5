//! The checks of DCAP, in the order in which they are made: SGX and TDX have them in common.

use crate::code;
use crate::step::Step;

/// Nothing but zeros stands behind the quote.
pub(crate) const TRAILING_BYTES: Step = Step::new(
    "1",
    "format.trailing_bytes",
    code::MALFORMED,
    "something stands behind the quote",
    "Buffers are padded with zeros; anything else there was put in by somebody, and nobody signed it.",
);
/// Intel's quoting enclave made the quote.
pub(crate) const QE_VENDOR: Step = Step::new(
    "1",
    "format.qe_vendor",
    code::MALFORMED,
    "another vendor's quoting enclave made it",
    "Only for Intel's quoting enclaves is there an identity to hold them against.",
);
/// The quote carries a readable PCK certificate chain.
pub(crate) const PCK_CERTIFICATE: Step = Step::new(
    "3",
    "pck.certificate",
    code::ENDORSEMENTS,
    "it carries no usable PCK certificate chain",
    "Intel certifies the key of each platform; the quote has to carry that certificate (type 5), for nothing is fetched.",
);
/// There is collateral.
pub(crate) const MISSING: Step = Step::new(
    "3",
    "endorsements.missing",
    code::ENDORSEMENTS,
    "there is no collateral for its platform",
    "Without Intel's word about patches and revoked keys nobody knows what the platform is worth.",
);
/// The collateral can be read.
pub(crate) const FORMAT: Step = Step::new(
    "3",
    "endorsements.format",
    code::ENDORSEMENTS,
    "the collateral cannot be read",
    "Collateral that cannot be read says nothing.",
);
/// Nothing in the collateral is of a time to come.
pub(crate) const NOT_YET_VALID: Step = Step::new(
    "4",
    "endorsements.not_yet_valid",
    code::EXPIRED,
    "its endorsements are of a time to come",
    "Endorsements of a time to come mean that a clock is wrong, here or where they were made.",
);
/// Nothing in the collateral has ended.
pub(crate) const EXPIRED: Step = Step::new(
    "4",
    "endorsements.expired",
    code::EXPIRED,
    "its endorsements have expired",
    "What was found to be wrong since stands in newer endorsements only.",
);
/// The PCK certificate chain is of now.
pub(crate) const PCK_TIME: Step = Step::new(
    "4",
    "pck.certificate_time",
    code::EXPIRED,
    "its PCK certificate chain lies outside its time",
    "A certificate outside its time is no longer, or not yet, answered for by whoever signed it.",
);
/// The PCK certificate chain holds together.
pub(crate) const PCK_CHAIN: Step = Step::new(
    "3",
    "pck.chain",
    code::ROOT,
    "its PCK certificate chain does not hold together",
    "Each certificate has to be issued by the next, down from the root.",
);
/// The list of the authority that issued the PCK certificate is there.
pub(crate) const PCK_CRL: Step = Step::new(
    "3",
    "pck.crl",
    code::ENDORSEMENTS,
    "the revocation list for its PCK certificate is missing or wrong",
    "Only the authority that issued the certificate can say that it revoked it.",
);
/// The PCK certificate is not revoked.
pub(crate) const PCK_REVOKED: Step = Step::new(
    "3",
    "pck.revoked",
    code::ENDORSEMENTS,
    "its PCK certificate is revoked",
    "Intel revokes the certificates of platforms whose keys are known to others.",
);
/// The root's list is there.
pub(crate) const CA_CRL: Step = Step::new(
    "3",
    "ca.crl",
    code::ENDORSEMENTS,
    "the root's revocation list is missing or wrong",
    "Only the root can say that it revoked an authority or a signer of TCB information.",
);
/// Nothing below the root is revoked.
pub(crate) const CA_REVOKED: Step = Step::new(
    "3",
    "ca.revoked",
    code::ENDORSEMENTS,
    "an authority or a signer that vouches for it is revoked",
    "What a revoked authority or signer signed is worth nothing.",
);
/// The root itself issued the signers of the collateral.
pub(crate) const SIGNER: Step = Step::new(
    "3",
    "endorsements.signer",
    code::ENDORSEMENTS,
    "the signer of the collateral is not certified by the root",
    "Collateral counts only from a signer that the root itself certified.",
);
/// The TCB information is signed as it stands.
pub(crate) const TCB_INFO_SIGNATURE: Step = Step::new(
    "3",
    "tcb_info.signature",
    code::ENDORSEMENTS,
    "the signature of the TCB information is wrong",
    "The signature covers the text byte by byte: whoever formats it anew breaks it.",
);
/// The QE identity is signed as it stands.
pub(crate) const QE_IDENTITY_SIGNATURE: Step = Step::new(
    "3",
    "qe_identity.signature",
    code::ENDORSEMENTS,
    "the signature of the QE identity is wrong",
    "The signature covers the text byte by byte: whoever formats it anew breaks it.",
);
/// The TCB information is that of the platform's kind.
pub(crate) const TCB_INFO_ID: Step = Step::new(
    "3",
    "tcb_info.id",
    code::ENDORSEMENTS,
    "the TCB information is for the other kind of platform",
    "SGX and TDX have different components on the same machine.",
);
/// The TCB information is that of the platform's family.
pub(crate) const TCB_INFO_FMSPC: Step = Step::new(
    "3",
    "tcb_info.fmspc",
    code::ENDORSEMENTS,
    "the TCB information is for another family of platforms",
    "Each family of platforms (FMSPC) has its own patches: collateral of one says nothing about another.",
);
/// The TCB information is that of the platform's PCE.
pub(crate) const TCB_INFO_PCE_ID: Step = Step::new(
    "3",
    "tcb_info.pce_id",
    code::ENDORSEMENTS,
    "the TCB information is for another provisioning certification enclave",
    "Security versions of another enclave cannot be compared.",
);
/// The QE identity is that of the platform's quoting enclave.
pub(crate) const QE_IDENTITY_ID: Step = Step::new(
    "3",
    "qe_identity.id",
    code::ENDORSEMENTS,
    "the QE identity is that of another quoting enclave",
    "SGX and TDX have different quoting enclaves.",
);
/// The TCB information is no older than what was seen.
pub(crate) const ROLLBACK: Step = Step::new(
    "4",
    "endorsements.rollback",
    code::ENDORSEMENTS,
    "newer TCB information was seen for its platform",
    "Older TCB information stays validly signed for weeks and hides what was found since.",
);
/// The PCK key signed the quoting enclave's report.
pub(crate) const QE_REPORT_SIGNATURE: Step = Step::new(
    "5",
    "qe.report_signature",
    code::SIGNATURE,
    "the report of its quoting enclave is not signed by the platform",
    "The platform's certified key has to vouch for the enclave that makes quotes.",
);
/// The quoting enclave vouches for the attestation key.
pub(crate) const QE_REPORT_DATA: Step = Step::new(
    "5",
    "qe.report_data",
    code::SIGNATURE,
    "its attestation key is not that of its quoting enclave",
    "The report data of the quoting enclave is the digest of its attestation key: otherwise any key would do.",
);
/// The quoting enclave hides its keys.
pub(crate) const QE_DEBUG: Step = Step::new(
    "5",
    "qe.debug",
    code::SIGNATURE,
    "its quoting enclave runs in debug mode",
    "The host reads the keys of an enclave in debug mode, and signs with them what it likes.",
);
/// Intel signed the quoting enclave.
pub(crate) const QE_SIGNER: Step = Step::new(
    "5",
    "qe.mrsigner",
    code::SIGNATURE,
    "an enclave that is not Intel's quoting enclave made it",
    "Otherwise any enclave on a genuine machine could make quotes.",
);
/// The quoting enclave is the quoting enclave.
pub(crate) const QE_PRODUCT: Step = Step::new(
    "5",
    "qe.isv_prod_id",
    code::SIGNATURE,
    "another of Intel's enclaves made it",
    "Intel signs several enclaves; one of them makes quotes.",
);
/// The quoting enclave's MISCSELECT is as it should be.
pub(crate) const QE_MISC_SELECT: Step = Step::new(
    "5",
    "qe.misc_select",
    code::SIGNATURE,
    "its quoting enclave runs with other extensions",
    "The QE identity says with which extensions the quoting enclave keeps its secrets.",
);
/// The quoting enclave's ATTRIBUTES are as they should be.
pub(crate) const QE_ATTRIBUTES: Step = Step::new(
    "5",
    "qe.attributes",
    code::SIGNATURE,
    "its quoting enclave runs with other attributes",
    "The QE identity says with which attributes the quoting enclave keeps its secrets.",
);
/// The quoting enclave is of a known version.
pub(crate) const QE_LEVEL: Step = Step::new(
    "5",
    "qe.no_matching_level",
    code::TCB,
    "its quoting enclave is older than all that are known",
    "A quoting enclave below every level is one that Intel no longer speaks of.",
);
/// The platform meets a TCB level.
pub(crate) const NO_MATCHING_LEVEL: Step = Step::new(
    "9",
    "tcb.no_matching_level",
    code::TCB,
    "its platform meets none of Intel's TCB levels",
    "A platform below every level is one that Intel no longer speaks of.",
);
/// The TDX module is one that Intel knows.
pub(crate) const TDX_MODULE: Step = Step::new(
    "9",
    "tcb.tdx_module",
    code::TCB,
    "its TDX module is none that Intel knows",
    "The TDX module keeps the host out of the TD; TCB information says who signs it, and which versions there are.",
);
/// Intel has not given the platform up.
pub(crate) const TCB_REVOKED: Step = Step::new(
    "9",
    "tcb.revoked",
    code::TCB,
    "its TCB is revoked",
    "The keys of a revoked TCB are known to others: nobody can answer for it.",
);
/// The platform is patched well enough.
pub(crate) const TCB_STATUS: Step = Step::new(
    "9",
    "tcb.status",
    code::TCB,
    "its platform is not patched as the policy asks",
    "Intel's word for what is missing on this platform: microcode, firmware, TDX module, quoting enclave, or configuration.",
)
.excusable();
/// No advisory is open that the policy does not accept.
pub(crate) const TCB_ADVISORIES: Step = Step::new(
    "9",
    "tcb.advisories",
    code::TCB,
    "an advisory is open on its platform that the policy does not accept",
    "Each advisory names a hole that is open on this platform.",
)
.excusable();
/// The TCB information knows enough.
pub(crate) const EVALUATION_NUMBER: Step = Step::new(
    "9",
    "tcb.evaluation_number",
    code::TCB,
    "the TCB information is older than the policy asks",
    "Each round of Intel's TCB recovery has a number: information of an earlier round knows nothing of later holes.",
)
.excusable();
/// The collateral is young enough.
pub(crate) const COLLATERAL_AGE: Step = Step::new(
    "9",
    "endorsements.age",
    code::EXPIRED,
    "its endorsements are older than the policy allows",
    "The older the endorsements, the longer what was found since goes unseen.",
)
.excusable();
/// The platform's family is expected.
pub(crate) const FMSPC: Step = Step::new(
    "9",
    "hardware.fmspc",
    code::HARDWARE,
    "its family of platforms is not one of those expected",
    "FMSPC tells families of platforms apart.",
)
.excusable();
/// The processor package is expected.
pub(crate) const PPID: Step = Step::new(
    "9",
    "hardware.ppid",
    code::HARDWARE,
    "its processor is not one of those expected",
    "PPID tells processor packages apart: this machine, and no other of its make.",
)
.excusable();
/// The platform is expected.
pub(crate) const PLATFORM_INSTANCE: Step = Step::new(
    "9",
    "hardware.platform_instance_id",
    code::HARDWARE,
    "its platform is not one of those expected",
    "The platform instance id tells machines of several packages apart.",
)
.excusable();
/// Threads share cores, or do not, as asked.
pub(crate) const SMT: Step = Step::new(
    "9",
    "hardware.smt",
    code::CONFIGURATION,
    "its platform is set up for another use of threads",
    "Two threads on a core learn of each other through what they share.",
)
.excusable();
/// Root keys are kept by Intel, or not, as asked.
pub(crate) const CACHED_KEYS: Step = Step::new(
    "9",
    "hardware.cached_keys",
    code::CONFIGURATION,
    "its platform keeps its root keys elsewhere than asked",
    "Intel's registration service may keep the root keys of a platform.",
)
.excusable();
/// Packages can be added, or not, as asked.
pub(crate) const DYNAMIC_PLATFORM: Step = Step::new(
    "9",
    "hardware.dynamic_platform",
    code::CONFIGURATION,
    "its platform is not as fixed as asked",
    "To a dynamic platform packages can be added after it was certified.",
)
.excusable();

/// All of them.
pub(crate) const STEPS: &[Step] = &[
    TRAILING_BYTES,
    QE_VENDOR,
    PCK_CERTIFICATE,
    MISSING,
    FORMAT,
    NOT_YET_VALID,
    EXPIRED,
    PCK_TIME,
    PCK_CHAIN,
    PCK_CRL,
    PCK_REVOKED,
    CA_CRL,
    CA_REVOKED,
    SIGNER,
    TCB_INFO_SIGNATURE,
    QE_IDENTITY_SIGNATURE,
    TCB_INFO_ID,
    TCB_INFO_FMSPC,
    TCB_INFO_PCE_ID,
    QE_IDENTITY_ID,
    ROLLBACK,
    QE_REPORT_SIGNATURE,
    QE_REPORT_DATA,
    QE_DEBUG,
    QE_SIGNER,
    QE_PRODUCT,
    QE_MISC_SELECT,
    QE_ATTRIBUTES,
    QE_LEVEL,
    NO_MATCHING_LEVEL,
    TDX_MODULE,
    TCB_REVOKED,
    TCB_STATUS,
    TCB_ADVISORIES,
    EVALUATION_NUMBER,
    COLLATERAL_AGE,
    FMSPC,
    PPID,
    PLATFORM_INSTANCE,
    SMT,
    CACHED_KEYS,
    DYNAMIC_PLATFORM,
];
