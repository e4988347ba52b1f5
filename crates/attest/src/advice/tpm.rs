//! On the checks of TPMs, and on event logs.

use super::{Advice, Table};

pub(super) const ADVICE: Table = &[
    (
        "ak.bound_to_ek",
        Advice::new(
            "nothing says that the key which signed lives in a genuine TPM: a chain of the endorsement key alone does not, \
             anybody may show one",
            "whether the evidence carries a certificate of the attestation key, and from whom: an enrolment authority, or a \
             cloud whose root the policy names",
            "enrol the machine again (a Strongroom program does it by itself before it activates), name the cloud's root in \
             the policy's `roots`, or pin the key: `--trusted-ak FILE`, `trusted_attestation_keys`",
        )
        .never("do not pin a key because it came with the evidence: read it on the machine, over a way that you trust"),
    ),
    (
        "ak.attributes",
        Advice::new(
            "the key may sign anything, also a quote that somebody wrote by hand",
            "how the key was made: `tpm2_createak` makes one that is restricted, `tpm2_create` does not by itself",
            "make a new attestation key: restricted, sign, fixedTPM, fixedParent, sensitiveDataOrigin, not decrypt; enrol it",
        )
        .never("do not accept quotes of such a key: no TPM need ever have been there"),
    ),
    (
        "ek.chain",
        Advice::new(
            "the certificate of the endorsement key does not lead to a root that is accepted, or is of another kind",
            "the TPM's maker (`tpm2_getcap properties-fixed`), and whether the intermediate certificate was given: few TPMs keep it",
            "give the maker's intermediate certificate among the endorsements, and name its root in the policy's `roots`",
        )
        .never("do not name a root that came with the evidence: fetch it from the maker"),
    ),
    (
        "ak.certificate_time",
        Advice::new(
            "a certificate of the TPM's keys has ended: those of an enrolment last hours, a machine that slept comes with an \
             old one",
            "the clocks of both machines, and the end in the report's line",
            "enrol again: start the program on the machine anew",
        )
        .never("do not judge at an earlier time to get past it, except for evidence that is an archive of that time"),
    ),
    (
        "ak.revocation",
        Advice::new(
            "a certificate of the TPM's keys is revoked, or the list that would say so is out of date; where the check is \
             required, an issuer's list is missing",
            "which of these the report's line says; for a list, why the job that fetches it stopped",
            "fetch the list again; a machine whose certificate is revoked has to be replaced, or its TPM",
        )
        .never("do not remove the list to get past it"),
    ),
    (
        "quote.magic",
        Advice::new(
            "what the key signed does not begin as everything does that a TPM makes: it was written by somebody else",
            "what stands in `quote`: TPMS_ATTEST as the TPM gave it out",
            "collect the quote again; if it stays, the key is in the wrong hands: forget it",
        ),
    ),
    (
        "quote.type",
        Advice::new(
            "the TPM signed another statement than a quote: about a key, about time, about its log",
            "which command was used: it has to be TPM2_Quote",
            "collect a quote",
        ),
    ),
    (
        "quote.signature",
        Advice::new(
            "the quote was changed, another key signed it, or with a scheme or hash that is not accepted",
            "whether quote, signature and key are of the same call; SHA-1 is never accepted, and a key tied to a scheme signs \
             by no other",
            "collect the evidence again with SHA-256 or better",
        )
        .never("do not retry until it passes: a signature is right or wrong, never flaky"),
    ),
    (
        "quote.pcr_selection",
        Advice::new(
            "a register that the policy or the measured program needs is not quoted, or another bank than SHA-256 is",
            "the registers in the report's line against those of the policy",
            "quote PCR 0 to 15 of the SHA-256 bank; where the TPM has no such bank, turn it on in the firmware's settings",
        )
        .never("do not take a register out of the policy because it is not quoted: whoever left it out had a reason"),
    ),
    (
        "quote.pcr_digest",
        Advice::new(
            "the values beside the quote are not those that the TPM signed: something was extended in between, or they \
             were changed",
            "whether values and quote were collected in one go",
            "collect the evidence again, reading the registers right before and after the quote",
        ),
    ),
    (
        "quote.extra_data",
        Advice::new(
            "the quote was made for another session, perhaps an older one that is shown again",
            "whether something stands between the two ends, or caches evidence",
            "connect again: evidence is made for one connection",
        )
        .never("do not accept a quote of another session: that is how a stopped machine passes for a running one"),
    ),
    (
        "quote.clock_safe",
        Advice::new(
            "power was cut, and the TPM cannot say that its clock never stood higher; the policy asks for that",
            "when the machine lost power: the TPM gets over it by itself within about an hour",
            "wait, or shut the machine down in order and start it again",
        ),
    ),
    (
        "quote.reset_count",
        Advice::new(
            "the machine booted since the reference value was taken, or the quote is of an earlier boot",
            "when the machine booted last, and whether that was meant",
            "look at what it booted, then put the new count into the policy",
        ),
    ),
    (
        "quote.restart_count",
        Advice::new(
            "the machine was suspended since the reference value was taken, or the quote is from before that",
            "whether suspending was meant; servers should not",
            "boot the machine again, look at what it booted, then put the new counts into the policy",
        ),
    ),
    (
        "event_log.format",
        Advice::new(
            "the log is cut short, was changed, or has no digests of the bank that is quoted",
            "where it was read: `/sys/kernel/security/tpm0/binary_bios_measurements` or the CCEL table's data, as bytes",
            "collect it again; firmware that logs SHA-1 alone needs an update or another setting",
        ),
    ),
    (
        "event_log.runtime",
        Advice::new(
            "the register that should hold program and workload alone holds something else as well: what ran before them, or \
             tried to pass for another",
            "the event that the report names; a program that was started twice since the machine booted looks like this too",
            "restart the machine, so that the register begins anew, and start nothing else that extends it",
        )
        .never("do not list the value as it is: nobody knows what stands for it"),
    ),
    (
        "event_log.separators",
        Advice::new(
            "the line between the firmware and what it starts is missing in a register that the firmware used",
            "the register in the report's line, and whether other machines with this firmware have the same",
            "update the firmware; for firmware known to leave it out, name an exception with an owner and an end",
        ),
    ),
    (
        "event_log.behind_separators",
        Advice::new(
            "the line between the firmware and what it starts is doubled or disguised, something was measured as the \
             firmware's behind it, or the firmware says that it could not measure",
            "the event in the report's line: an error separator is the firmware's, everything else somebody else's",
            "update the firmware and boot again; if it stays, look at what the boot loader or the system measures there",
        )
        .never("do not list the registers' values as they are: what is hidden behind the line would be accepted with them"),
    ),
    (
        "event_log.replay",
        Advice::new(
            "the log leads to another value than the register has: something was measured that it hides, or it tells of \
             something that never happened",
            "the register and the event in the report's line; a log from before a reboot, or one that userspace writes \
             elsewhere (systemd), looks like this",
            "collect quote and log of the same boot; a register that is measured into without a log is named in `unlogged`",
        )
        .never("do not name a register in `unlogged` whose events the policy relies on"),
    ),
    (
        "event_log.unexplained",
        Advice::new(
            "a register holds something, and no event of the log says what",
            "what extends that register on such machines: PCR 10 the kernel's file list, 11 and 15 systemd",
            "give the list that explains it, or name the register in the policy: its value in `pcrs`, or `unlogged`",
        ),
    ),
    (
        "event_log.policy",
        Advice::new(
            "the machine booted something else than the policy allows: a boot loader, a kernel, a command line",
            "the event in the report's line against what was deployed: an update that nobody told the policy of, usually",
            "list the new version once you know where it comes from, or boot what was meant",
        )
        .never("do not list a digest because the machine shows it: take it from the package that you deployed"),
    ),
    (
        "pcr.values",
        Advice::new(
            "a register has another value than the policy lists: something in its chain changed",
            "what the register stands for: 0 firmware, 1 its settings, 4 boot loader, 7 Secure Boot, 8 and 9 GRUB, 11 systemd-stub",
            "find out what was updated or set otherwise; rules on events say it by name where values cannot",
        )
        .never("do not list the new value before you know what changed"),
    ),
    (
        "ima.replay",
        Advice::new(
            "no beginning of the kernel's list of measured files leads to PCR 10",
            "whether list and quote are of the same boot, and the list was read after the quote; kernels before 5.8 extend \
             padded SHA-1, which is not accepted",
            "collect both again, the list last",
        ),
    ),
    (
        "ima.policy",
        Advice::new(
            "the kernel measured a file that the policy does not list, or with another content",
            "the file in the report's line, and which package it belongs to",
            "remove what should not be there, or list its digest once you know where it comes from",
        ),
    ),
];
