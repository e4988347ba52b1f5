//! Messages and services generated from `proto/`, in the module tree that their packages ask for.
//!
//! The generated files are checked in, so that a bare clone builds without a protobuf compiler; `tests/codegen.rs`
//! makes them anew and compares. Clients run on any `tonic::client::GrpcService`: the transport is the caller's.

/// TensorFlow's tensors, and below it TensorFlow Serving's calls.
#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::enum_variant_names,
    reason = "generated"
)]
pub mod tensorflow {
    include!("generated/tensorflow.rs");

    /// Status codes under TensorFlow's name.
    pub mod error {
        include!("generated/tensorflow.error.rs");
    }

    /// `PredictionService`, `ModelService` and their messages.
    pub mod serving {
        include!("generated/tensorflow.serving.rs");
    }
}

/// MarbleRun's activation.
#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod rpc {
    include!("generated/rpc.rs");
}

/// Our own calls on the mesh port.
pub mod strongroom {
    /// First version.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]
    pub mod v1 {
        include!("generated/strongroom.v1.rs");
    }
}

/// gRPC's health checking protocol.
pub mod grpc_health {
    /// First version.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]
    pub mod v1 {
        include!("generated/grpc.health.v1.rs");
    }
}

/// What is in a credential is known to two ends only.
impl std::fmt::Debug for strongroom::v1::FinishEnrolmentRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FinishEnrolmentRequest").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for strongroom::v1::CredentialResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialResponse").finish_non_exhaustive()
    }
}

/// Files, environment and arguments may hold secrets: only their numbers are printed.
impl std::fmt::Debug for rpc::Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parameters")
            .field("files", &self.files.len())
            .field("env", &self.env.len())
            .field("argv", &self.argv.len())
            .finish()
    }
}

/// The private key stands in the file itself.
impl std::fmt::Debug for tensorflow::serving::SslConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SslConfig").finish_non_exhaustive()
    }
}
