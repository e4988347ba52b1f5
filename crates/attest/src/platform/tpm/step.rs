//! The checks that a TPM's evidence has of its own.

use crate::code;
use crate::step::Step;

/// The attestation key is one that signs only what its TPM made.
pub(super) const ATTRIBUTES: Step = Step::new(
    "3",
    "ak.attributes",
    code::ROOT,
    "its attestation key can sign what no TPM made",
    "Only a restricted key that cannot leave its TPM refuses to sign a quote that somebody else put together.",
);
/// The attestation key lives in a genuine TPM.
pub(crate) const BOUND: Step = Step::new(
    "3",
    "ak.bound_to_ek",
    code::ROOT,
    "nothing accepted says that its attestation key lives in a genuine TPM",
    "An endorsement key's certificate alone says nothing of other keys: enrolment, a certificate of the attestation key or a pin does.",
);
/// The endorsement key's certificate is genuine.
pub(super) const ENDORSEMENT_KEY: Step = Step::new(
    "3",
    "ek.chain",
    code::ROOT,
    "its endorsement key's certificate is not one of an accepted TPM maker",
    "The TPM's maker certifies the endorsement key of each genuine TPM.",
);
/// Certificates lie within their time.
pub(super) const CERTIFICATE_TIME: Step = Step::new(
    "4",
    "ak.certificate_time",
    code::EXPIRED,
    "a certificate of its keys lies outside its time",
    "A certificate outside its time is no longer, or not yet, answered for by whoever signed it.",
);
/// Nothing is revoked.
pub(super) const REVOCATION: Step = Step::new(
    "4",
    "ak.revocation",
    code::ENDORSEMENTS,
    "a certificate of its keys is revoked, or a revocation list is out of date",
    "A revoked certificate speaks of a key that its issuer no longer answers for.",
);
/// Made by a TPM.
pub(super) const MAGIC: Step = Step::new(
    "5",
    "quote.magic",
    code::SIGNATURE,
    "no TPM made what its attestation key signed",
    "A restricted key signs nothing from outside that begins with TPM_GENERATED_VALUE.",
);
/// A quote.
pub(super) const TYPE: Step = Step::new(
    "5",
    "quote.type",
    code::SIGNATURE,
    "it is another attestation than a quote",
    "The same key signs statements about other keys and about time, whose bytes could pass for registers.",
);
/// Signed by the attestation key.
pub(super) const SIGNATURE: Step = Step::new(
    "5",
    "quote.signature",
    code::SIGNATURE,
    "its signature is wrong",
    "A wrong signature means that the quote was changed or forged.",
);
/// The registers that matter are quoted.
pub(super) const SELECTION: Step = Step::new(
    "5",
    "quote.pcr_selection",
    code::CONFIGURATION,
    "it quotes other registers than those that matter",
    "Of a register that is not quoted nothing is known, and the SHA-1 bank can be forged.",
);
/// The values are those that were quoted.
pub(super) const DIGEST: Step = Step::new(
    "5",
    "quote.pcr_digest",
    code::SIGNATURE,
    "the values beside the quote are not those that were quoted",
    "The quote signs a digest of the registers only: values beside it prove themselves by it.",
);
/// The log can be read.
pub(crate) const LOG_FORMAT: Step = Step::new(
    "5",
    "event_log.format",
    code::EVENT_LOG,
    "its event log cannot be read",
    "A log that cannot be read explains no register.",
);
/// What Strongroom measured.
pub(crate) const RUNTIME: Step = Step::new(
    "5",
    "event_log.runtime",
    code::EVENT_LOG,
    "the register of program and workload holds something else",
    "Program and workload are believed because their register holds them and nothing else.",
);
/// The quote is of this session.
pub(super) const EXTRA_DATA: Step = Step::new(
    "7",
    "quote.extra_data",
    code::BINDING,
    "its quote was made for another session",
    "The quote signs a digest of the report data: without it, an old quote could be shown again.",
);
/// The clock can be compared with earlier ones.
pub(super) const CLOCK_SAFE: Step = Step::new(
    "9",
    "quote.clock_safe",
    code::CONFIGURATION,
    "its clock may have gone back",
    "After power was cut a TPM may tell a time again that it told before.",
);
/// The boot is the expected one.
pub(super) const RESET_COUNT: Step = Step::new(
    "9",
    "quote.reset_count",
    code::CONFIGURATION,
    "the machine booted since, or had not booted yet",
    "A quote of an earlier boot says nothing of what runs now.",
);
/// The machine was not resumed since.
pub(super) const RESTART_COUNT: Step = Step::new(
    "9",
    "quote.restart_count",
    code::CONFIGURATION,
    "the machine was suspended since, or had not been yet",
    "What happened while the machine slept was not measured.",
);
/// The line between firmware and what it starts.
pub(super) const SEPARATORS: Step = Step::new(
    "9",
    "event_log.separators",
    code::EVENT_LOG,
    "the firmware's part of its event log is not closed",
    "The firmware closes the registers that it used before it starts anything: without that line, nobody sees where its part ends.",
)
.excusable();
/// What stands at that line and behind it.
pub(super) const BEHIND_SEPARATORS: Step = Step::new(
    "9",
    "event_log.behind_separators",
    code::EVENT_LOG,
    "something stands in its event log that the firmware did not measure, or could not",
    "What is measured as the firmware's behind the separator was not measured by the firmware; an error separator says that it could not measure.",
);
/// The log leads to the quoted values.
pub(crate) const REPLAY: Step = Step::new(
    "9",
    "event_log.replay",
    code::EVENT_LOG,
    "its event log does not lead to the quoted registers",
    "Where log and register differ, something was measured that the log hides, or the log says what never was.",
);
/// Nothing was measured that nothing explains.
pub(crate) const UNEXPLAINED: Step = Step::new(
    "9",
    "event_log.unexplained",
    code::EVENT_LOG,
    "a register holds what nothing explains",
    "Something was measured there, and nobody says what.",
);
/// The files that Linux measured.
pub(super) const IMA: Step = Step::new(
    "9",
    "ima.replay",
    code::EVENT_LOG,
    "the kernel's list of measured files does not lead to its register",
    "The list names every file that was run or read under the kernel's policy, if it leads to PCR 10.",
);
/// Registers have expected values.
pub(super) const VALUES: Step = Step::new(
    "10",
    "pcr.values",
    code::EVENT_LOG,
    "a register has another value than expected",
    "A register's value stands for everything that was measured into it.",
);
/// Events are those that the policy allows.
pub(crate) const EVENTS: Step = Step::new(
    "10",
    "event_log.policy",
    code::EVENT_LOG,
    "the machine booted something that the policy does not allow",
    "Boot loader, kernel and command line decide what the measured program can rely on.",
);
/// Measured files are those that the policy allows.
pub(super) const FILES: Step = Step::new(
    "10",
    "ima.policy",
    code::EVENT_LOG,
    "the kernel measured a file that the policy does not allow",
    "Whatever runs with the right to change the measured program decides what it does.",
);

/// The checks of an event log that other platforms make as well.
pub(crate) const OF_EVENT_LOGS: &[Step] = &[LOG_FORMAT, RUNTIME, REPLAY, UNEXPLAINED, EVENTS];

pub(crate) const STEPS: &[Step] = &[
    ATTRIBUTES,
    BOUND,
    ENDORSEMENT_KEY,
    CERTIFICATE_TIME,
    REVOCATION,
    MAGIC,
    TYPE,
    SIGNATURE,
    SELECTION,
    DIGEST,
    LOG_FORMAT,
    RUNTIME,
    EXTRA_DATA,
    CLOCK_SAFE,
    RESET_COUNT,
    RESTART_COUNT,
    SEPARATORS,
    BEHIND_SEPARATORS,
    REPLAY,
    UNEXPLAINED,
    IMA,
    VALUES,
    EVENTS,
    FILES,
];
