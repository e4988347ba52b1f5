//! The numbered steps of verification and appraisal, each with the stable id under which a report lists its check.
//!
//! The steps here are those of every platform, numbered as in `docs/flows/activation.md` and in the module documentation
//! of `verify` and `reference`. A platform has checks of its own, in its folder's `step.rs`, under the number of the step
//! that they belong to.

use crate::code::{self, Code};
use crate::platform;

/// One check that verification or appraisal makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub(crate) number: &'static str,
    pub(crate) id: &'static str,
    pub(crate) code: Code,
    pub(crate) refusal: &'static str,
    pub(crate) why: &'static str,
    pub(crate) excusable: bool,
}

impl Step {
    /// `number` is the step that the check belongs to, `id` its stable name, `refusal` the half sentence after "refused:",
    /// `why` one sentence about what the check is good for.
    pub(crate) const fn new(
        number: &'static str,
        id: &'static str,
        code: Code,
        refusal: &'static str,
        why: &'static str,
    ) -> Self {
        Self {
            number,
            id,
            code,
            refusal,
            why,
            excusable: false,
        }
    }

    /// The check may be the subject of a named exception: what it finds is true, and somebody may answer for it.
    pub(crate) const fn excusable(self) -> Self {
        Self {
            excusable: true,
            ..self
        }
    }

    /// The stable id, such as `tcb.status`.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// The number of the step that the check belongs to.
    #[must_use]
    pub const fn number(&self) -> &'static str {
        self.number
    }

    /// The code with which it refuses.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What the check is good for, one sentence.
    #[must_use]
    pub const fn why(&self) -> &'static str {
        self.why
    }

    /// Whether a policy may name an exception from it.
    #[must_use]
    pub const fn is_excusable(&self) -> bool {
        self.excusable
    }
}

/// Every check that there is, those of all platforms included.
pub fn all() -> impl Iterator<Item = &'static Step> {
    COMMON.iter().chain(platform::steps())
}

/// The check with this id.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static Step> {
    all().find(|step| step.id == id)
}

/// The bytes are evidence.
pub const FORM: Step = Step::new(
    "1",
    "format",
    code::MALFORMED,
    "it cannot be read",
    "Evidence that cannot be read proves nothing.",
);
/// The platform is accepted and built in.
pub const PLATFORM: Step = Step::new(
    "2",
    "platform",
    code::PLATFORM,
    "its platform is not accepted",
    "Only a platform that the policy names may vouch for a program.",
);
/// An accepted root vouches for the attestation key.
pub const ROOT: Step = Step::new(
    "3",
    "root",
    code::ROOT,
    "no accepted root vouches for it",
    "Anybody can make a key: the hardware's key is the one that its maker certified.",
);
/// Certificates lie within their time.
pub const VALIDITY: Step = Step::new(
    "4",
    "validity",
    code::EXPIRED,
    "its endorsements lie outside their time",
    "A certificate outside its time is no longer, or not yet, answered for by whoever signed it.",
);
/// The attestation key signed the evidence.
pub const SIGNATURE: Step = Step::new(
    "5",
    "signature",
    code::SIGNATURE,
    "its signature is wrong",
    "A wrong signature means that the evidence was changed or forged.",
);
/// The evidence is of now.
pub const FRESHNESS: Step = Step::new(
    "6",
    "freshness",
    code::EXPIRED,
    "it is not of now",
    "Old evidence may speak of a machine that has changed since.",
);
/// The evidence speaks of this session.
pub const BINDING: Step = Step::new(
    "7",
    "binding",
    code::BINDING,
    "it is bound to another session",
    "Evidence that is not bound to this session can be somebody else's, passed on.",
);
/// The platform protects enough.
pub const PROTECTION: Step = Step::new(
    "8",
    "protection",
    code::PROTECTION,
    "its platform protects less than is accepted",
    "Not every platform hides memory from the host.",
);
/// Nobody can look into the attester.
pub const DEBUG: Step = Step::new(
    "9",
    "debug",
    code::DEBUG,
    "the attester runs in debug mode",
    "In debug mode the host reads and writes the memory that should be hidden from it.",
);
/// The program is an expected one.
pub const MEASUREMENT: Step = Step::new(
    "10",
    "measurement",
    code::MEASUREMENT,
    "it is another program",
    "The measurement is what the platform says runs there.",
);
/// An expected party signed the program.
pub const SIGNER: Step = Step::new(
    "11",
    "signer",
    code::SIGNER,
    "another party signed the program",
    "Where versions change, the signer answers for what runs.",
);
/// The program is the expected product.
pub const PRODUCT: Step = Step::new(
    "12",
    "product",
    code::PRODUCT,
    "it is another product",
    "One signer signs several programs.",
);
/// The program is recent enough.
pub const SECURITY_VERSION: Step = Step::new(
    "13",
    "security_version",
    code::SECURITY_VERSION,
    "its security version is too low",
    "An older version may have holes that a newer one has not.",
);
/// The workload is an expected one.
pub const WORKLOAD: Step = Step::new(
    "14",
    "workload",
    code::WORKLOAD,
    "it runs another workload",
    "A launcher runs what its description says: the description is part of what is proven.",
);
/// The coordinator enforces an expected manifest.
pub const MANIFEST: Step = Step::new(
    "15",
    "manifest",
    code::MANIFEST_DIGEST,
    "the coordinator enforces another manifest",
    "The manifest decides who gets what.",
);

/// Those that are no platform's own.
pub(crate) const COMMON: &[Step] = &[
    FORM,
    PLATFORM,
    ROOT,
    VALIDITY,
    SIGNATURE,
    FRESHNESS,
    BINDING,
    PROTECTION,
    DEBUG,
    MEASUREMENT,
    SIGNER,
    PRODUCT,
    SECURITY_VERSION,
    WORKLOAD,
    MANIFEST,
];
