//! On the checks that every platform has.

use super::{Advice, Table};

pub(super) const ADVICE: Table = &[
    (
        "format",
        Advice::new(
            "the bytes are cut short, changed, or were written by something else: nothing in them was believed",
            "the size of the file against what its author sent, and whether it went through a text editor, a terminal or \
             a copy that changes line ends",
            "fetch the evidence again as bytes; hexadecimal or base64 text has to be decoded first",
        )
        .never("do not repair evidence by hand: what was signed are its exact bytes"),
    ),
    (
        "platform",
        Advice::new(
            "the evidence is of a platform that the policy does not name, that has no accepted root, or that this program \
             was built without",
            "whether the workload runs where you think it does: a machine without its hardware shows up here",
            "add an entry for this platform to the policy, with its root if it has no vendor's, or use a program with this \
             platform built in",
        )
        .never("do not add platform software to the policy of anything real: it protects nothing"),
    ),
    (
        "root",
        Advice::new(
            "the chain of certificates does not end at a root that is accepted: wrong endorsements, or somebody else's \
             hardware",
            "whether the endorsements given belong to this very machine and product (the intermediate certificate is the \
             usual one to be missing or of another generation)",
            "fetch the chain again from the vendor's service for this product; a private root stands in the policy's `roots`",
        )
        .never("do not put a root into the policy because it came with the evidence: whoever forges one sends the other"),
    ),
    (
        "validity",
        Advice::new(
            "a certificate of the chain has ended or has not begun at the time that is judged at",
            "the clock of this machine, and `--at` if it was given",
            "fetch newer endorsements; a certificate that has ended for good is renewed by whoever issued it",
        )
        .never("do not turn the clock back to get over it: what was revoked since would be accepted as well"),
    ),
    (
        "signature",
        Advice::new(
            "the evidence was changed after it was signed, was signed by another key, or goes with another machine's \
             certificate",
            "whether evidence and endorsements are from the same machine and the same boot: mixed-up files look like this",
            "collect evidence and endorsements again, together; if it stays, treat the machine as not genuine",
        )
        .never("do not retry until it passes: a signature is right or wrong, never flaky"),
    ),
    (
        "freshness",
        Advice::new(
            "the evidence was made too long ago, or in the future",
            "the clocks at both ends",
            "collect it anew; evidence is made for one connection and never kept",
        ),
    ),
    (
        "binding",
        Advice::new(
            "the evidence is genuine perhaps, and speaks of another session: of another nonce, key or connection",
            "whether the value that you compare with is the one that this very request carried, in full and in the right order",
            "ask again with a fresh nonce; on a connection of ours a failure here means that somebody stands in the middle, \
             or replays",
        )
        .never("do not leave the comparison out: without it anybody can show you somebody else's machine"),
    ),
    (
        "protection",
        Advice::new(
            "the platform hides less from its host than the policy accepts",
            "the platform in the report: a TPM alone proves what was booted and hides no memory, software hides nothing",
            "run the workload on hardware that hides memory; where less is enough, the policy's `protection` names it",
        )
        .never("do not accept `integrity_only` or `simulated` for a model or inputs that the host must not see"),
    ),
    (
        "debug",
        Advice::new(
            "the program runs in debug mode: its host can read and change all of its memory, keys included",
            "how it was launched: a debug signing of the enclave, a debug attribute of the virtual machine, or a debug \
             policy of the guest",
            "launch a production build without the debug attribute, which also changes its measurement",
        )
        .never("do not hand a secret to it meanwhile: consider what it received already as known to the host"),
    ),
    (
        "measurement",
        Advice::new(
            "another program runs there than the policy names: another build, another version, other firmware, or an \
             attacker's",
            "whether something was updated: the image, the firmware under it, the number of processors, its command line",
            "compare with the measurement that whoever builds the program publishes, and add that one to the policy",
        )
        .never("do not copy the measurement found into the policy without knowing what it is the measurement of"),
    ),
    (
        "signer",
        Advice::new(
            "the program was signed by another party than the policy names",
            "which key the build used: a development key is the usual cause",
            "sign with the release key, or name the signer in the policy if you trust whatever it signs",
        ),
    ),
    (
        "product",
        Advice::new(
            "the signer's product number is another: it is a different program of the same signer",
            "the product number in the build's configuration",
            "deploy the right program, or correct the number in the policy",
        ),
    ),
    (
        "security_version",
        Advice::new(
            "the program is an older version than the policy accepts: the numbers in between were raised for a reason",
            "which release is deployed",
            "deploy the newer release",
        )
        .never("do not lower the number in the policy to get an old release through"),
    ),
    (
        "workload",
        Advice::new(
            "the launcher is the right one and runs another description: other programs, files, arguments or coordinator",
            "`strongroom workload digest FILE` of the description that was meant, against the digest found",
            "deploy the description that the policy names, or add the new digest once you have read what changed in it",
        ),
    ),
    (
        "manifest",
        Advice::new(
            "the coordinator enforces another manifest than those that you accept",
            "`strongroom manifest get`, and what differs from the one that you know",
            "if you agree with the change, add the new digest to the policy",
        )
        .never("do not send a secret before you have read the manifest: it decides who receives it"),
    ),
];
