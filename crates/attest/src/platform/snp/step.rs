//! The checks that only SEV-SNP has. What each is good for is written for whoever reads a report that refuses.

use crate::code;
use crate::step::Step;

pub(super) const VERSION: Step = Step::new(
    "1",
    "format.version",
    code::MALFORMED,
    "the report is of a version that this program does not know",
    "What a field of an unknown version means is anybody's guess.",
);
pub(super) const ALGORITHM: Step = Step::new(
    "1",
    "format.signature_algorithm",
    code::MALFORMED,
    "the report is signed with an unknown algorithm",
    "There is one algorithm for these reports: ECDSA on P-384 with SHA-384.",
);
pub(super) const RESERVED: Step = Step::new(
    "1",
    "format.reserved",
    code::MALFORMED,
    "reserved bytes of the report are not zero",
    "Reserved bytes that say something mean a report of another form than its version says.",
);
pub(super) const SIGNATURE_FORM: Step = Step::new(
    "1",
    "format.signature",
    code::MALFORMED,
    "bytes beside the signature are not zero",
    "Nothing signs these bytes, so only one value of them is accepted: no report has two forms.",
);
pub(super) const POLICY_RESERVED: Step = Step::new(
    "1",
    "format.guest_policy",
    code::MALFORMED,
    "bit 17 of the guest policy is not one",
    "The firmware starts no guest whose policy has this bit clear.",
);
pub(super) const VEK: Step = Step::new(
    "3",
    "vek.certificate",
    code::ENDORSEMENTS,
    "no certificate of the key that signed the report",
    "Fetch the VCEK certificate for the report's chip id and reported TCB (or the provider's VLEK certificate), and the chain above it, from AMD's key distribution service.",
);
pub(super) const GENERATION: Step = Step::new(
    "3",
    "generation",
    code::HARDWARE,
    "processor, certificate and root are not of one generation",
    "Each generation has a root of its own, and its own layout of the TCB version.",
);
pub(super) const KIND: Step = Step::new(
    "3",
    "vek.kind",
    code::ENDORSEMENTS,
    "the certificate is of another kind of key than signed the report",
    "A chip's own key (VCEK) and one that AMD loads for a cloud provider (VLEK) prove different things.",
);
pub(super) const CHIP: Step = Step::new(
    "3",
    "vek.hwid",
    code::ENDORSEMENTS,
    "the certificate is of another chip than made the report",
    "A VCEK certificate is for one chip, by its id; a VLEK's names no chip.",
);
pub(super) const PROVIDER: Step = Step::new(
    "3",
    "vek.csp_id",
    code::ENDORSEMENTS,
    "the certificate does not say which provider the key was loaded for",
    "A VLEK is a cloud provider's: without the provider's id it would be anybody's.",
);
pub(super) const CERTIFIED_TCB: Step = Step::new(
    "3",
    "tcb.certificate",
    code::ENDORSEMENTS,
    "the certificate is for another TCB version than the report states",
    "The key is derived from the reported TCB: fetch the certificate for exactly that version.",
);
pub(super) const CERTIFICATE_TIME: Step = Step::new(
    "4",
    "vek.certificate_time",
    code::EXPIRED,
    "the signing key's certificate lies outside its time",
    "VLEK certificates last a year, VCEK certificates seven: fetch a new one, and look at both clocks.",
);
pub(super) const LIST_SIGNATURE: Step = Step::new(
    "4",
    "crl.signature",
    code::ENDORSEMENTS,
    "a revocation list is not signed by the authority that it names",
    "A revocation list says nothing before its authority's key has signed it.",
);
pub(super) const LIST_TIME: Step = Step::new(
    "4",
    "crl.time",
    code::EXPIRED,
    "the revocation list is out of date",
    "An old list may hide what was revoked since: fetch the product's list again.",
);
pub(super) const REVOKED: Step = Step::new(
    "4",
    "crl.revoked",
    code::ENDORSEMENTS,
    "AMD revoked a certificate of the chain",
    "AMD no longer answers for what hangs on a revoked certificate.",
);
pub(super) const LIST_AGE: Step = Step::new(
    "9",
    "crl.age",
    code::EXPIRED,
    "the revocation list is older than is accepted",
    "A list may be in force for months: the policy says how much of that it accepts.",
)
.excusable();
pub(super) const VMPL: Step = Step::new(
    "9",
    "vmpl",
    code::CONFIGURATION,
    "the report was asked for at another privilege level",
    "At VMPL 0 nothing in the guest stands above the program; at a higher number a paravisor does, and must be expected.",
);
pub(super) const MIGRATION: Step = Step::new(
    "9",
    "guest_policy.migrate_ma",
    code::CONFIGURATION,
    "the guest may be moved by a migration agent",
    "A migration agent can take the guest to another machine, and holds its keys on the way.",
)
.excusable();
pub(super) const MASKED: Step = Step::new(
    "9",
    "mask_chip_key",
    code::CONFIGURATION,
    "the host keeps the firmware from signing with the chip's key",
    "With the chip's key masked, the firmware writes no signature.",
);
pub(super) const KEY_FLAGS: Step = Step::new(
    "9",
    "key_flags",
    code::CONFIGURATION,
    "the report says something of its keys that this program does not know",
    "Reserved bits beside the kind of key may come to mean something: a policy may refuse them until it is known what.",
);
pub(super) const GUEST_POLICY: Step = Step::new(
    "9",
    "guest_policy",
    code::CONFIGURATION,
    "the guest policy is not as expected",
    "The guest policy is what the firmware holds the host to, fixed at launch.",
)
.excusable();
pub(super) const PLATFORM_INFO: Step = Step::new(
    "9",
    "platform_info",
    code::CONFIGURATION,
    "the platform is not set up as expected",
    "Settings of the firmware (SMT, ECC, the search for memory aliases, hidden ciphertext) decide which attacks the host has.",
)
.excusable();
pub(super) const ACCEPTED_GENERATION: Step = Step::new(
    "9",
    "hardware.generation",
    code::HARDWARE,
    "its generation of processors is not accepted",
    "A weakness of a whole generation cannot be patched away: the policy names generations that it refuses.",
)
.excusable();
pub(super) const ACCEPTED_KEY: Step = Step::new(
    "9",
    "hardware.signing_key",
    code::HARDWARE,
    "it is signed by a kind of key that is not accepted",
    "A VCEK names the chip; a VLEK names the cloud provider and any of its chips.",
);
pub(super) const CHIP_ID: Step = Step::new(
    "9",
    "hardware.chip_id",
    code::HARDWARE,
    "it is another chip",
    "The policy lists the chips that it accepts, by their id.",
);
pub(super) const CSP_ID: Step = Step::new(
    "9",
    "hardware.csp_id",
    code::HARDWARE,
    "it is another cloud provider or region",
    "AMD's signed statement of the provider and region that a VLEK was loaded for.",
);
pub(super) const FIRMWARE: Step = Step::new(
    "9",
    "firmware.version",
    code::TCB,
    "its SNP firmware is too old",
    "The committed version is the one that the host cannot go back behind.",
)
.excusable();
pub(super) const PROVISIONAL: Step = Step::new(
    "9",
    "tcb.provisional",
    code::TCB,
    "its firmware is provisional",
    "Firmware that is newer than the committed version can be taken back by the host without a trace.",
)
.excusable();
pub(super) const REPORTED: Step = Step::new(
    "9",
    "tcb.reported",
    code::TCB,
    "its reported TCB is too old",
    "The reported TCB is what the signing key is derived from, and what the certificate states.",
)
.excusable();
pub(super) const COMMITTED: Step = Step::new(
    "9",
    "tcb.committed",
    code::TCB,
    "its committed TCB is too old",
    "The host can go back to the committed TCB at any time.",
)
.excusable();
pub(super) const LAUNCH: Step = Step::new(
    "9",
    "tcb.launch",
    code::TCB,
    "its TCB at launch was too old",
    "What was old when the guest started may have been used against it before the update.",
)
.excusable();
pub(super) const MITIGATIONS: Step = Step::new(
    "9",
    "tcb.mitigations",
    code::TCB,
    "mitigations are missing",
    "Each bit says that the firmware guards against one published weakness, at launch and now.",
)
.excusable();
pub(super) const HOST_DATA: Step = Step::new(
    "9",
    "host_data",
    code::CONFIGURATION,
    "it was launched with other host data",
    "Host data is fixed at launch: by convention the digest of what configures the guest.",
);
pub(super) const FAMILY_ID: Step = Step::new(
    "9",
    "family_id",
    code::CONFIGURATION,
    "it is an image of another family",
    "The family that the guest's owner gave the image in its ID block.",
);
pub(super) const IMAGE_ID: Step = Step::new(
    "9",
    "image_id",
    code::CONFIGURATION,
    "it is another image",
    "The id that the guest's owner gave the image in its ID block.",
);
pub(super) const GUEST_SVN: Step = Step::new(
    "9",
    "guest_svn",
    code::SECURITY_VERSION,
    "the image's security version is too low",
    "An older image may have holes that a newer one has not.",
);
pub(super) const ID_KEY: Step = Step::new(
    "9",
    "id_key",
    code::SIGNER,
    "another key signed the ID block",
    "The ID key is the guest owner's: it signs the measurement that the firmware lets start.",
);
pub(super) const AUTHOR_KEY: Step = Step::new(
    "9",
    "author_key",
    code::SIGNER,
    "another author certified the ID key",
    "The author key answers for ID keys.",
);
pub(super) const REPORT_ID: Step = Step::new(
    "9",
    "report_id",
    code::CONFIGURATION,
    "it is another guest",
    "The report id names one guest from its launch to its end.",
);

/// Every check of this platform, in the order of a report.
pub(crate) const STEPS: &[Step] = &[
    VERSION,
    ALGORITHM,
    RESERVED,
    SIGNATURE_FORM,
    POLICY_RESERVED,
    VEK,
    GENERATION,
    KIND,
    CHIP,
    PROVIDER,
    CERTIFIED_TCB,
    CERTIFICATE_TIME,
    LIST_SIGNATURE,
    LIST_TIME,
    REVOKED,
    VMPL,
    MIGRATION,
    MASKED,
    KEY_FLAGS,
    GUEST_POLICY,
    PLATFORM_INFO,
    ACCEPTED_GENERATION,
    ACCEPTED_KEY,
    CHIP_ID,
    CSP_ID,
    FIRMWARE,
    PROVISIONAL,
    REPORTED,
    COMMITTED,
    LAUNCH,
    MITIGATIONS,
    HOST_DATA,
    FAMILY_ID,
    IMAGE_ID,
    GUEST_SVN,
    ID_KEY,
    AUTHOR_KEY,
    REPORT_ID,
    LIST_AGE,
];
