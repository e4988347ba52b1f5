//! The checks that SGX has beside those of every quote.

use crate::code;
use crate::step::Step;

/// The enclave was initialised.
pub(super) const INIT: Step = Step::new(
    "9",
    "sgx_attributes.init",
    code::CONFIGURATION,
    "its enclave was never initialised",
    "Only an initialised enclave is what its measurement says.",
);
/// Provisioning keys are out of reach, or not, as asked.
pub(super) const PROVISION_KEY: Step = Step::new(
    "9",
    "sgx_attributes.provision_key",
    code::CONFIGURATION,
    "its enclave has another access to provisioning keys than asked",
    "Provisioning keys are the same for every enclave of a signer: they tell machines apart for ever.",
)
.excusable();
/// The launch key is out of reach, or not, as asked.
pub(super) const EINITTOKEN_KEY: Step = Step::new(
    "9",
    "sgx_attributes.einittoken_key",
    code::CONFIGURATION,
    "its enclave has another access to the launch key than asked",
    "Who has the launch key decides which enclaves may start.",
)
.excusable();
/// Key separation and sharing is in use, or not, as asked.
pub(super) const KSS: Step = Step::new(
    "9",
    "sgx_attributes.kss",
    code::CONFIGURATION,
    "its enclave has another use of key separation than asked",
    "Configuration id, family and extended product id are zero without key separation and sharing.",
)
.excusable();
/// ATTRIBUTES is as expected.
pub(super) const ATTRIBUTES: Step = Step::new(
    "9",
    "sgx_attributes.value",
    code::CONFIGURATION,
    "its enclave runs with other attributes than expected",
    "Flags, and the processor features that the enclave may use.",
)
.excusable();
/// MISCSELECT is as expected.
pub(super) const MISC_SELECT: Step = Step::new(
    "9",
    "sgx_attributes.misc_select",
    code::CONFIGURATION,
    "its enclave runs with other extensions than expected",
    "Extensions decide what the host learns when the enclave is interrupted.",
)
.excusable();
/// CONFIGID is expected.
pub(super) const CONFIG_ID: Step = Step::new(
    "10",
    "config_id",
    code::MEASUREMENT,
    "its enclave has another configuration",
    "The configuration id is fixed when the enclave starts, and not measured with it.",
);
/// CONFIGSVN is high enough.
pub(super) const CONFIG_SVN: Step = Step::new(
    "10",
    "config_svn",
    code::SECURITY_VERSION,
    "its enclave's configuration is too old",
    "An older configuration may have holes that a newer one has not.",
);
/// ISVFAMILYID is expected.
pub(super) const FAMILY_ID: Step = Step::new(
    "10",
    "family_id",
    code::PRODUCT,
    "its enclave is of another family of products",
    "A signer may group products by family.",
);
/// ISVEXTPRODID is expected.
pub(super) const EXTENDED_PRODUCT_ID: Step = Step::new(
    "10",
    "extended_product_id",
    code::PRODUCT,
    "its enclave has another extended product id",
    "A signer may tell products apart by more than sixteen bits.",
);

/// CPUSVN is high enough.
pub(super) const CPU_SVN: Step = Step::new(
    "9",
    "hardware.cpu_svn",
    code::TCB,
    "its processor has a lower CPUSVN than asked",
    "CPUSVN tells how far microcode is patched, whatever Intel says of it today.",
)
.excusable();
/// PCESVN is high enough.
pub(super) const PCE_SVN: Step = Step::new(
    "9",
    "hardware.pce_svn",
    code::TCB,
    "its provisioning enclave is older than asked",
    "The provisioning certification enclave answers for the key that signs quotes.",
)
.excusable();

pub(crate) const STEPS: &[Step] = &[
    CPU_SVN,
    PCE_SVN,
    INIT,
    PROVISION_KEY,
    EINITTOKEN_KEY,
    KSS,
    ATTRIBUTES,
    MISC_SELECT,
    CONFIG_ID,
    CONFIG_SVN,
    FAMILY_ID,
    EXTENDED_PRODUCT_ID,
];
