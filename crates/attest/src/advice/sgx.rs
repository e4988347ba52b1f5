//! On the checks of SGX alone.

use super::{Advice, Table};

pub(super) const ADVICE: Table = &[
    (
        "sgx_attributes.init",
        Advice::new(
            "the report is of an enclave that never was initialised: no such enclave can ask for a quote",
            "whether the bytes are damaged",
            "collect the quote again; if it stays, treat the machine as not genuine",
        ),
    ),
    (
        "sgx_attributes.provision_key",
        Advice::new(
            "the enclave may derive provisioning keys, or may not, unlike the policy asks",
            "the attributes that the enclave was signed with",
            "sign it with other attributes, or change `attributes.provision_key` of the policy",
        ),
    ),
    (
        "sgx_attributes.einittoken_key",
        Advice::new(
            "the enclave may derive the launch key, or may not, unlike the policy asks",
            "the attributes that the enclave was signed with",
            "sign it with other attributes, or change `attributes.einittoken_key` of the policy",
        ),
    ),
    (
        "sgx_attributes.kss",
        Advice::new(
            "key separation and sharing is on where the policy wants it off, or the other way round",
            "the build's settings: the policy's `config_ids`, `family_ids` and `extended_product_ids` need it on",
            "build with the other setting, which also changes the measurement",
        ),
    ),
    (
        "sgx_attributes.value",
        Advice::new(
            "the enclave runs with other attributes than the policy lists: flags, or processor features (XFRM)",
            "the bits that differ; features such as AVX-512 depend on the machine unless the build fixes them",
            "fix the features in the build, or take them out of the policy's mask",
        ),
    ),
    (
        "sgx_attributes.misc_select",
        Advice::new(
            "the enclave runs with other extensions than the policy lists",
            "the bits that differ, against the build's settings",
            "build with the settings that the policy lists, or correct the policy",
        ),
    ),
    (
        "config_id",
        Advice::new(
            "the enclave was started with another configuration: the host chooses it at each start",
            "which configuration was deployed",
            "start it with the right one, or list the new one once you have read it",
        ),
    ),
    (
        "config_svn",
        Advice::new(
            "the enclave's configuration is an older version than the policy accepts",
            "which version of the configuration was deployed",
            "deploy the newer one",
        )
        .never("do not lower the number to get an old configuration through"),
    ),
    (
        "extended_product_id",
        Advice::new(
            "it is another product of the same signer",
            "the extended product id in the build's settings",
            "deploy the right program, or correct the policy",
        ),
    ),
    (
        "hardware.cpu_svn",
        Advice::new(
            "the processor's microcode is older than the floor that the policy sets",
            "the component that is lower in the report's line, and whether a BIOS or microcode update is due",
            "update BIOS and microcode, let the platform fetch a new PCK certificate, collect the quote again",
        )
        .never("do not lower the floor without knowing which weakness it keeps out"),
    ),
    (
        "hardware.pce_svn",
        Advice::new(
            "the provisioning certification enclave of the platform is older than the policy's floor",
            "the version of Intel's SGX platform software on the machine",
            "update the platform software, register the platform anew, collect the quote again",
        ),
    ),
];
