//! On the checks of AMD SEV-SNP.

use super::{Advice, Table};

pub(super) const ADVICE: Table = &[
    (
        "format.version",
        Advice::new(
            "the firmware writes reports of a version that this program does not know",
            "the version found: 2, 3 and 5 are known; anything large means that these bytes are no report",
            "use a release of this program that knows the version",
        )
        .never("do not edit the version: it is signed, and the layout behind it is another"),
    ),
    (
        "format.signature_algorithm",
        Advice::new(
            "the report names an algorithm that SEV-SNP does not have: damage, or no report at all",
            "where the bytes come from, and whether something was cut off in front of them",
            "collect the report again",
        ),
    ),
    (
        "format.reserved",
        Advice::new(
            "bytes that are zero in every report of this version are not: damage, or a newer form under an old number",
            "the position of the byte, and whether the signature holds; if it does, the firmware is newer than this program",
            "collect the report again; if it stays with a right signature, use a newer release of this program",
        ),
    ),
    (
        "format.signature",
        Advice::new(
            "there is something in the empty space around the signature, which nothing signs",
            "what handled the report on its way: the hardware writes zeros there",
            "collect the report again, straight from the guest",
        ),
    ),
    (
        "format.guest_policy",
        Advice::new(
            "the guest policy lacks a bit that the firmware demands of every guest",
            "whether these bytes are a report at all",
            "collect the report again",
        ),
    ),
    (
        "vek.certificate",
        Advice::new(
            "the certificate of the key that signed this report is not among the endorsements: nothing can be verified",
            "whether `--endorsements` names the VCEK's (or VLEK's) file, and not the chain alone",
            "VCEK: fetch https://kdsintf.amd.com/vcek/v1/PRODUCT/CHIPID with the four (Turin: five) SPL numbers of the \
             reported TCB; VLEK: take it from the cloud provider, it comes with the report (`auxblob`, certificate table)",
        )
        .never("do not ask AMD's service in a loop: it answers 429 after a few requests, so keep what it gave you"),
    ),
    (
        "generation",
        Advice::new(
            "processor, certificate and root are not of one generation: a chain of the wrong product was given",
            "the product in the report's line: Milan, Genoa (also for Bergamo and Siena) or Turin",
            "fetch certificate and chain again under the right product name",
        ),
    ),
    (
        "vek.kind",
        Advice::new(
            "the report was signed by a VLEK and a VCEK's certificate was given, or the other way round",
            "what the provider uses: AWS signs with VLEKs, bare metal and most others with VCEKs",
            "give the certificate of the kind that the report names, with its chain (ASVK for VLEK, ASK for VCEK)",
        ),
    ),
    (
        "vek.hwid",
        Advice::new(
            "the certificate is for another chip: the guest moved to another machine, or files were mixed up",
            "the chip id in the report against the one in the certificate",
            "fetch the VCEK for the chip id of this report; a chip id of zeros is masked by the host (MASK_CHIP_ID), who has \
             to unmask it or use a VLEK",
        )
        .never("do not accept a certificate of another chip: then a machine that you never chose vouches for itself"),
    ),
    (
        "vek.csp_id",
        Advice::new(
            "the certificate does not say which cloud provider the key was loaded for, or says so on a chip's own key",
            "whether the certificate is the one that the provider hands out",
            "take the VLEK certificate from the provider again",
        ),
    ),
    (
        "tcb.certificate",
        Advice::new(
            "the signing key is derived from the reported TCB, and the certificate is for another version: usually firmware \
             or microcode was updated since it was fetched",
            "the two versions in the report's line, field by field",
            "fetch the certificate again with exactly the reported versions, and let the cache be keyed by chip and TCB",
        )
        .never("do not accept a mismatch: a key of old, broken firmware would pass as patched"),
    ),
    (
        "vek.certificate_time",
        Advice::new(
            "the certificate of the signing key is outside its time; VLEK certificates last one year",
            "this machine's clock, and `--at`",
            "have the provider renew the VLEK certificate, or fetch the VCEK's again",
        )
        .never("do not judge at an earlier time to get past it, except for evidence that is an archive of that time"),
    ),
    (
        "crl.signature",
        Advice::new(
            "a revocation list among the endorsements is not signed by the authority whose name it bears",
            "which product the list was fetched for, and whether it arrived whole",
            "fetch it again from https://kdsintf.amd.com/vcek/v1/PRODUCT/crl (vlek for VLEKs), or leave it out",
        )
        .never("do not leave the list out where the policy requires `crl.revoked`: then revoked keys pass"),
    ),
    (
        "crl.time",
        Advice::new(
            "the revocation list has ended: it may hide what was revoked since",
            "the age of the file, and why the job that fetches it stopped",
            "fetch the product's list again",
        )
        .never("do not remove the list instead: an exception in the policy with an owner and an end says what was done"),
    ),
    (
        "crl.revoked",
        Advice::new(
            "AMD revoked a certificate that this machine's chain hangs on: its keys may be in other hands",
            "AMD's security bulletins for the certificate in the report's line",
            "move the workload to another machine or product; a new chain, if AMD issues one, comes from its service",
        )
        .never("do not except this: whoever has the revoked key can write any report"),
    ),
    (
        "crl.age",
        Advice::new(
            "the revocation list is in force, and older than the policy accepts",
            "when the list was last fetched",
            "fetch it again; the policy's `crl_age_days_max` should leave room for a failed attempt or two",
        ),
    ),
    (
        "vmpl",
        Advice::new(
            "the report was asked for at a privilege level that the policy does not accept: below VMPL 0 something else in \
             the guest stands above the program (a paravisor, an SVSM)",
            "whether the cloud runs guests under a paravisor: then every report shows a level above 0, and the measurement is \
             the paravisor's",
            "without a paravisor: ask for the report at VMPL 0 (`privlevel` of configfs-tsm); with one that you trust: name \
             its level in the policy's `snp.vmpl`, and its measurement",
        )
        .never("do not add a level without knowing who owns the ones below it: they read the program's memory"),
    ),
    (
        "guest_policy.migrate_ma",
        Advice::new(
            "the guest may be handed to a migration agent, which then holds its keys",
            "the guest policy that it was launched with",
            "launch it without MIGRATE_MA",
        ),
    ),
    (
        "mask_chip_key",
        Advice::new(
            "the host told the firmware not to sign with the chip's key: such reports carry no signature",
            "the host's SNP configuration (MASK_CHIP_KEY)",
            "have the host clear it, or load a VLEK",
        ),
    ),
    (
        "key_flags",
        Advice::new(
            "bits of the report beside the kind of key are set that have no meaning yet",
            "the bits in the report's line, and whether AMD's newest specification of the firmware names them",
            "update this program where it does; without `refuse_unknown_bits` they are told and not refused",
        ),
    ),
    (
        "guest_policy",
        Advice::new(
            "the guest was launched with a policy that lacks what is required or has what is forbidden",
            "the bits named in the report's line",
            "launch the guest with another policy; its measurement stays as it is",
        ),
    ),
    (
        "platform_info",
        Advice::new(
            "the host's firmware is not set up as the policy asks: SMT, memory encryption, alias check, hidden ciphertext",
            "the bits named in the report's line; ALIAS_CHECK_COMPLETE missing means firmware without the answer to BadRAM",
            "have the host change its BIOS settings or update its firmware, or move the guest",
        ),
    ),
    (
        "hardware.generation",
        Advice::new(
            "the policy refuses this generation of processors, usually for a weakness that no patch removes",
            "why the generation stands in `denied_generations`",
            "move the workload to a machine of a generation that is accepted",
        ),
    ),
    (
        "hardware.signing_key",
        Advice::new(
            "the policy accepts another kind of signing key: a VCEK names the chip, a VLEK only the provider",
            "what the provider signs with on this kind of machine",
            "choose machines that sign as wanted, or accept the kind by name in `signing_keys`",
        ),
    ),
    (
        "hardware.chip_id",
        Advice::new(
            "the machine is none of those that the policy lists",
            "whether the workload was moved or a machine was replaced",
            "add the new chip's id if you know the machine to be yours, or move the workload back",
        )
        .never("do not add an id only because a report shows it: ask whoever racked the machine"),
    ),
    (
        "hardware.csp_id",
        Advice::new(
            "the key was loaded for another provider or another region than the policy lists",
            "in which region the guest was started",
            "start it where it should run, or add the region to `csp_ids`",
        ),
    ),
    (
        "firmware.version",
        Advice::new(
            "the committed SNP firmware is older than the policy accepts",
            "the host's firmware package; a newer one may be loaded and not committed",
            "have the host update its firmware and commit it",
        ),
    ),
    (
        "tcb.provisional",
        Advice::new(
            "newer firmware runs than is committed: the host can go back to the older one without a trace",
            "whether an update is under way on the host",
            "have the host commit the update",
        ),
    ),
    (
        "tcb.reported",
        Advice::new(
            "the firmware and microcode that the signing key stands for are older than the policy accepts",
            "the fields of the version in the report's line, one by one, against AMD's bulletin",
            "have the host update its firmware, raise the reported TCB and fetch the new VCEK",
        )
        .never("do not lower `tcb_min` to get over a night: the known attacks on old firmware are public"),
    ),
    (
        "tcb.committed",
        Advice::new(
            "the host can go back to firmware that is older than the policy accepts",
            "whether the host's update was committed",
            "have the host commit its update (SNP_COMMIT)",
        ),
    ),
    (
        "tcb.launch",
        Advice::new(
            "the guest was started under older firmware than the policy accepts; what leaked then stays leaked",
            "how long the guest runs, and when the host was updated",
            "start the guest anew on the updated host",
        ),
    ),
    (
        "tcb.mitigations",
        Advice::new(
            "the firmware does not report a mitigation that the policy requires, at launch or now",
            "the missing bits against AMD's list for this generation; reports before version 5 carry none",
            "have the host update its firmware, then start the guest anew",
        ),
    ),
    (
        "host_data",
        Advice::new(
            "the guest was launched with other host data: usually the digest of a configuration (initdata) that changed",
            "the digest of the configuration that was meant",
            "launch with the right configuration, or list the new digest once you have read it",
        ),
    ),
    (
        "family_id",
        Advice::new(
            "it is of another family of images (SEV-SNP) or products (SGX) than the policy lists",
            "which image or program was deployed",
            "deploy the right one, or correct the policy",
        ),
    ),
    (
        "image_id",
        Advice::new(
            "the ID block names another image",
            "which image was deployed",
            "deploy the right image, or list the new one",
        ),
    ),
    (
        "guest_svn",
        Advice::new(
            "the image is an older version than the policy accepts",
            "which version of the image was deployed",
            "deploy the newer image",
        )
        .never("do not lower the number to get an old image through"),
    ),
    (
        "id_key",
        Advice::new(
            "the ID block is signed by another key than the policy lists, or there is none",
            "which key the build signs ID blocks with",
            "launch with an ID block signed by the listed key, or list the new key's digest",
        ),
    ),
    (
        "author_key",
        Advice::new(
            "the ID key is certified by another author than the policy lists, or by none",
            "which author key the build uses",
            "launch with an ID block of the listed author, or list the new author's digest",
        ),
    ),
    (
        "report_id",
        Advice::new(
            "it is another guest, or the same image started again: the id is made anew at each launch",
            "whether the guest was restarted",
            "list the new id only after the guest was verified by measurement",
        ),
    ),
];
