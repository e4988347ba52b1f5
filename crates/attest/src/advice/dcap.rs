//! On the checks that SGX and TDX have in common: quote, quoting enclave, PCK certificate, collateral, TCB.

use super::{Advice, Table};

pub(super) const ADVICE: Table = &[
    (
        "format.trailing_bytes",
        Advice::new(
            "behind the quote stands something that is not zero: nobody signed it, and somebody put it there",
            "whether the file holds more than the quote: a newline, JSON, a second quote",
            "hand over the quote alone; zeros behind it are harmless",
        )
        .never("do not cut the bytes off and go on without asking where they came from"),
    ),
    (
        "format.qe_vendor",
        Advice::new(
            "the quote was made by a quoting enclave that is not Intel's: there is no identity to hold it against",
            "whether the bytes are a quote at all, and arrived whole",
            "collect the quote again, on a machine with Intel's quoting enclave",
        ),
    ),
    (
        "pck.certificate",
        Advice::new(
            "the quote does not carry the certificate chain of its platform: old or misconfigured quoting software leaves \
             it out, or leaves it encrypted (type 3)",
            "the certification type in the report's line, and whether the machine's quote provider reaches its PCCS",
            "configure the quote provider library (`sgx_default_qcnl.conf`) with a PCCS, register the platform, collect again",
        ),
    ),
    (
        "endorsements.missing",
        Advice::new(
            "no collateral for this platform was given: without Intel's word nobody knows what the platform is worth",
            "whether `--endorsements` names the collateral, and whether it is for this FMSPC and the right TEE",
            "fetch TCB information, QE identity and revocation lists for the quote's FMSPC from Intel's PCS or your PCCS, and \
             hand them over as one QuoteCollateralV3 JSON",
        )
        .never("do not fetch it from an address that came with the evidence"),
    ),
    (
        "endorsements.format",
        Advice::new(
            "the collateral is for this platform perhaps, and cannot be read: cut short, or of another version",
            "whether the file arrived whole, and that it is a QuoteCollateralV3 with TCB information of version 3",
            "fetch it again with API version 4 of the PCS",
        ),
    ),
    (
        "endorsements.not_yet_valid",
        Advice::new(
            "something in the collateral is of a time to come: a clock is wrong, here or where it was fetched",
            "this machine's clock (`date -u`), and `--at` if it was given",
            "set the clock right; to judge old evidence, give collateral of its time",
        ),
    ),
    (
        "endorsements.expired",
        Advice::new(
            "TCB information, QE identity or a revocation list has ended: they hold about 30 days, and what was found to be \
             wrong since stands in newer ones only",
            "when the job that fetches collateral last succeeded, and the line for which part has ended",
            "fetch the collateral again; if fetching fails, mend that first (PCCS down, API key ended, proxy)",
        )
        .never("do not judge at an earlier time with `--at` to get over it: that is for archives"),
    ),
    (
        "pck.certificate_time",
        Advice::new(
            "the platform's own certificate chain is outside its time; it lasts for years, so a clock or a very new machine \
             is the usual cause",
            "this machine's clock, and `--at`: evidence of a new machine with old collateral shows up here",
            "judge at the right time; a chain that has ended is renewed by registering the platform again",
        ),
    ),
    (
        "pck.chain",
        Advice::new(
            "the certificates in the quote do not follow from one another down from the root: damaged, or forged",
            "whether the quote arrived whole",
            "collect it again; if it stays, treat the machine as not genuine",
        ),
    ),
    (
        "pck.crl",
        Advice::new(
            "the revocation list of the authority that issued the platform's certificate is missing, is of the other \
             authority (Platform or Processor), or is not signed by it",
            "which authority issued the PCK certificate, against the `ca` that the list was fetched for",
            "fetch the list with the right `ca` parameter, as `pck_crl` of the collateral",
        )
        .never("do not leave the list out: then a machine whose key is in other hands passes"),
    ),
    (
        "pck.revoked",
        Advice::new(
            "Intel revoked the certificate of this machine's key: others know the key, or may",
            "Intel's notice for this platform, and which other machines of yours are named",
            "take the machine out; after the vendor's repair it gets a new certificate by registering again",
        )
        .never("do not except this: whoever has the key can write any quote. Consider what the machine received as known"),
    ),
    (
        "ca.crl",
        Advice::new(
            "the root's revocation list is missing, has ended or is not signed by the root",
            "its age: it holds for about a year, so whoever fetches it rarely notices",
            "fetch https://certificates.trustedservices.intel.com/IntelSGXRootCA.der again, as `root_ca_crl`",
        ),
    ),
    (
        "ca.revoked",
        Advice::new(
            "Intel revoked an authority or a signer of TCB information",
            "which certificate, and Intel's notice about it",
            "fetch the whole collateral again: a new signer comes with it; quotes below a revoked authority stay refused",
        ),
    ),
    (
        "endorsements.signer",
        Advice::new(
            "the collateral is signed by somebody whom the root did not certify for it",
            "where it was fetched from",
            "fetch it from Intel's PCS or a PCCS that you run",
        )
        .never("do not add a root for it: then whoever runs that service decides which machines are patched"),
    ),
    (
        "tcb_info.signature",
        Advice::new(
            "the TCB information is not as Intel signed it: usually some tool formatted the JSON anew",
            "whether what fetched it parses and prints it: the signature covers each byte",
            "keep the answer of the service as it came",
        ),
    ),
    (
        "qe_identity.signature",
        Advice::new(
            "the QE identity is not as Intel signed it: usually some tool formatted the JSON anew",
            "whether what fetched it parses and prints it: the signature covers each byte",
            "keep the answer of the service as it came",
        ),
    ),
    (
        "tcb_info.id",
        Advice::new(
            "the TCB information is for SGX and the quote from TDX, or the other way round",
            "the path that it was fetched by: `/sgx/…` or `/tdx/…`",
            "fetch it by the path of the quote's TEE",
        ),
    ),
    (
        "tcb_info.fmspc",
        Advice::new(
            "the collateral is for another family of machines (FMSPC) than the one that made the quote",
            "the two FMSPCs in the report's line; mixed fleets and machines that were replaced are the usual cause",
            "fetch collateral for the FMSPC of the quote, and keep one set for each FMSPC of the fleet",
        )
        .never("do not use another family's collateral because it is at hand: its patch levels mean nothing here"),
    ),
    (
        "tcb_info.pce_id",
        Advice::new(
            "the TCB information is for another provisioning certification enclave: its versions cannot be compared",
            "whether FMSPC and PCE id of the quote are those that the collateral was fetched for",
            "fetch it again for this platform",
        ),
    ),
    (
        "qe_identity.id",
        Advice::new(
            "the QE identity is that of the other quoting enclave: QE for SGX, TD_QE for TDX",
            "the path that it was fetched by: `/sgx/…/qe/identity` or `/tdx/…/qe/identity`",
            "fetch it by the path of the quote's TEE",
        ),
    ),
    (
        "endorsements.rollback",
        Advice::new(
            "newer TCB information was seen for this platform before: what was given is validly signed and hides what was \
             found since",
            "the evaluation numbers in the report's line, and whether a cache or a restored backup serves old files",
            "fetch the newest collateral, and have the cache drop the older one",
        )
        .never("do not lower the number that was remembered: an attacker wants just that"),
    ),
    (
        "qe.report_signature",
        Advice::new(
            "the platform's certified key did not sign the quoting enclave's report: parts of two quotes, damage, or forgery",
            "whether the quote arrived whole",
            "collect it again; if it stays, treat the machine as not genuine",
        ),
    ),
    (
        "qe.report_data",
        Advice::new(
            "the quoting enclave does not vouch for the key that signed: parts of two quotes, damage, or forgery",
            "whether the quote arrived whole",
            "collect it again; if it stays, treat the machine as not genuine",
        ),
    ),
    (
        "qe.debug",
        Advice::new(
            "the quoting enclave runs in debug mode: the host reads its keys and signs what it likes",
            "what is installed as quoting enclave on that machine",
            "install Intel's production enclave, and consider the machine's evidence so far as worth nothing",
        ),
    ),
    (
        "qe.mrsigner",
        Advice::new(
            "an enclave that Intel did not sign made the quote, on a genuine machine: somebody's own quoting enclave",
            "what is installed as quoting enclave on that machine, and who installed it",
            "install Intel's; until then treat the machine as hostile",
        )
        .never("do not except this: it is how a genuine machine forges evidence"),
    ),
    (
        "qe.isv_prod_id",
        Advice::new(
            "another of Intel's enclaves made the quote than the one that makes quotes",
            "whether the QE identity is the right one for this TEE",
            "fetch the QE identity again; if it is right, treat the machine as hostile",
        ),
    ),
    (
        "qe.misc_select",
        Advice::new(
            "the quoting enclave was started with other extensions than Intel accepts for it",
            "the version of the quoting software on that machine",
            "install the current quoting software",
        ),
    ),
    (
        "qe.attributes",
        Advice::new(
            "the quoting enclave was started with other attributes than Intel accepts for it",
            "the version of the quoting software on that machine",
            "install the current quoting software",
        ),
    ),
    (
        "qe.no_matching_level",
        Advice::new(
            "the quoting enclave is older than all versions that Intel still speaks of",
            "the version of the quoting software (DCAP packages) on that machine",
            "update it there, then collect the quote again",
        ),
    ),
    (
        "tcb.no_matching_level",
        Advice::new(
            "microcode, firmware or TDX module of the platform are below every level that Intel lists: far out of date, a \
             pre-production part, or collateral that does not fit",
            "the versions in the report's line: which component is behind; then whether other machines of this FMSPC pass",
            "update BIOS (and with it microcode and TDX module) on the machine, register the platform again so that its PCK \
             certificate shows the new versions, collect again",
        )
        .never("do not look for an exception: there is none, for Intel says nothing at all about such a platform"),
    ),
    (
        "tcb.tdx_module",
        Advice::new(
            "the TDX module is none that the TCB information knows: by its signer, its attributes or its version",
            "the module's version on that machine (`dmesg | grep -i tdx`)",
            "update BIOS or TDX module loader there; for a module newer than the collateral, fetch the collateral again",
        ),
    ),
    (
        "tcb.revoked",
        Advice::new(
            "Intel gave this level up: keys of platforms at it are known to others",
            "the level in the report's line, and Intel's advisories for it",
            "update the machine to a level that is not revoked and register it again",
        )
        .never("do not look for an exception: there is none. Consider what such a machine received as known"),
    ),
    (
        "tcb.status",
        Advice::new(
            "the platform is not patched as the policy asks. OutOfDate: microcode, firmware or TDX module lack fixes. \
             ConfigurationNeeded: a BIOS setting (often SMT) leaves a hole open. SWHardeningNeeded: the program itself has \
             to be built with mitigations. TDRelaunchAdvised: the machine was patched and the TD is older than that",
            "the advisories in the report's TCB line: read what each allows, and whether the fleet or one machine is behind",
            "OutOfDate: BIOS update, then register the platform again. ConfigurationNeeded: the setting that the advisory \
             names. TDRelaunchAdvised: start the TD anew. For the time until then: `grace_days`, or an exception in the \
             policy with owner, reason and end",
        )
        .never("do not accept OutOfDate for good because it has always said so: each new advisory hides behind it"),
    ),
    (
        "tcb.advisories",
        Advice::new(
            "an advisory is open on this platform that the policy denies, or does not list among the accepted ones",
            "the advisory (https://www.intel.com/content/www/us/en/security-center): does it concern this workload",
            "patch the machine; or list the advisory under `accepted_advisories` if it does no harm here",
        ),
    ),
    (
        "tcb.evaluation_number",
        Advice::new(
            "the TCB information is of an earlier round of Intel's TCB recovery than the policy asks for",
            "whether the collateral was fetched with `update=standard`, which lags behind `update=early`",
            "fetch newer collateral, or lower `evaluation_number_min` to the round that the fleet can follow",
        ),
    ),
    (
        "endorsements.age",
        Advice::new(
            "the collateral still holds by its own dates, and is older than the policy allows",
            "when the job that fetches it last succeeded",
            "fetch it again; `collateral_age_days_max` should leave room for a failed attempt or two",
        ),
    ),
    (
        "hardware.fmspc",
        Advice::new(
            "the machine is of another family than the policy lists",
            "whether the workload was moved, or the provider put in newer machines",
            "list the new FMSPC if that kind of machine is fine, or move the workload back",
        ),
    ),
    (
        "hardware.ppid",
        Advice::new(
            "the processor is none of those that the policy lists",
            "whether a machine was replaced or the workload moved",
            "list the new PPID if you know the machine to be yours",
        )
        .never("do not list a PPID only because a quote shows it: ask whoever racked the machine"),
    ),
    (
        "hardware.platform_instance_id",
        Advice::new(
            "the machine is none of those that the policy lists; the id changes when a platform is set up anew",
            "whether the platform was reset in its BIOS or a processor was replaced",
            "list the new id if you know the machine to be yours",
        ),
    ),
    (
        "hardware.smt",
        Advice::new(
            "hyperthreading is on where the policy wants it off, or the other way round",
            "the BIOS setting on that machine",
            "change the setting, then register the platform again: the certificate holds what was set",
        ),
    ),
    (
        "hardware.cached_keys",
        Advice::new(
            "whether Intel's registration service keeps the platform's root keys is not as the policy asks",
            "how the platform was registered: direct registration keeps them, indirect does not",
            "register it the other way, or leave the demand out of the policy",
        ),
    ),
    (
        "hardware.dynamic_platform",
        Advice::new(
            "whether processor packages can be added to the platform is not as the policy asks",
            "what kind of machine it is: those with several packages usually are dynamic",
            "choose another kind of machine, or leave the demand out of the policy",
        ),
    ),
];
