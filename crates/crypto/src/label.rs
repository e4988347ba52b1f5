//! Every label that a hash, a key derivation or a signature of ours begins with, once.
//!
//! A label separates uses: bytes made for one can never be taken for another. `cargo xtask tidy` refuses a label
//! written anywhere else.

/// A domain-separation label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(pub(crate) &'static str);

impl Label {
    /// The label's bytes, as they enter a hash or a derivation.
    #[must_use]
    pub const fn as_bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }

    /// The label as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

// Bindings: what evidence says about the session it travels in.

/// TLS exporter label of every attested connection (RFC 8446 §7.5); empty context, 32 bytes.
pub const EXPORTER: Label = Label("EXPORTER-strongroom-v1");
/// Report data of a workload that activates or renews.
pub const ACTIVATE: Label = Label("strongroom/v1/activate");
/// Report data of the coordinator towards a launcher or a client.
pub const COORDINATOR: Label = Label("strongroom/v1/coordinator");
/// Report data of one coordinator towards another.
pub const PEER: Label = Label("strongroom/v1/peer");
/// Report data that a program asks for through its launcher.
pub const USER: Label = Label("strongroom/v1/user");
/// The digest of a workload description.
pub const WORKLOAD: Label = Label("strongroom/v1/workload");
/// What is measured into a register of the platform.
pub const MEASURE: Label = Label("strongroom/v1/measure");

// The software platform.

/// Signature of the simulator over its evidence body.
pub const SOFTWARE_EVIDENCE: Label = Label("strongroom/v1/software/evidence");
/// Sealing key of the software platform.
pub const SOFTWARE_SEAL: Label = Label("strongroom/v1/software/seal");

// Sealing keys and names of hardware platforms.

/// Sealing key of an enclave.
pub const SGX_SEAL: Label = Label("strongroom/v1/sgx/seal");
/// What makes our attestation key another key than anybody else's of the same form.
pub const TPM_ATTESTATION_KEY: Label = Label("strongroom/v1/tpm/attestation-key");
/// Sealing key of a TPM.
pub const TPM_SEAL: Label = Label("strongroom/v1/tpm/seal");
/// Name of a counter, as its NV index carries it.
pub const TPM_COUNTER: Label = Label("strongroom/v1/tpm/counter");

// Encrypted bundles.

/// Name of a model key.
pub const MODEL_KEY_ID: Label = Label("strongroom/v1/model-key-id");
/// The digest of a bundle.
pub const BUNDLE_DIGEST: Label = Label("strongroom/v1/bundle/digest");
/// A leaf of a bundle's hash tree: one stored chunk.
pub const BUNDLE_LEAF: Label = Label("strongroom/v1/bundle/leaf");
/// An inner node of a bundle's hash tree.
pub const BUNDLE_NODE: Label = Label("strongroom/v1/bundle/node");
/// Key of one section's chunks, from the bundle's data key.
pub const BUNDLE_SECTION_KEY: Label = Label("strongroom/v1/bundle/section-key");
/// Associated data of one chunk.
pub const BUNDLE_CHUNK: Label = Label("strongroom/v1/bundle/chunk");
/// What commits a bundle to its data key.
pub const BUNDLE_KEY_COMMITMENT: Label = Label("strongroom/v1/bundle/key-commitment");
/// Key that wraps a data key, and its commitment, from the model key.
pub const BUNDLE_WRAP_KEY: Label = Label("strongroom/v1/bundle/wrap-key");
/// Associated data of a wrapped data key.
pub const BUNDLE_WRAP: Label = Label("strongroom/v1/bundle/wrap");

// Coordinator state.

/// Key of one sealed record.
pub const STATE_RECORD: Label = Label("strongroom/v1/state/record");
/// Key of one snapshot.
pub const STATE_SNAPSHOT: Label = Label("strongroom/v1/state/snapshot");
/// Key that wraps the state key under the platform's seal key.
pub const STATE_KEY_SEAL: Label = Label("strongroom/v1/state/key-seal");
/// Key that wraps the guard key under the platform's seal key.
pub const GUARD_KEY_SEAL: Label = Label("strongroom/v1/state/guard-seal");
/// Key that wraps the state key under the recovery secret.
pub const STATE_KEY_RECOVERY: Label = Label("strongroom/v1/state/key-recovery");
/// Key that wraps one secret value's own key.
pub const SECRET_VALUE: Label = Label("strongroom/v1/state/secret-value");

// Audit log.

/// One record of the log's hash chain.
pub const LOG_RECORD: Label = Label("strongroom/v1/log/record");
/// The empty log.
pub const LOG_GENESIS: Label = Label("strongroom/v1/log/genesis");
/// A signed checkpoint.
pub const LOG_CHECKPOINT: Label = Label("strongroom/v1/log/checkpoint");
