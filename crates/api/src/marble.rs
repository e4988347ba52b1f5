//! The mesh port's contracts under the names that programs use: MarbleRun's activation and our own calls beside it.

pub use crate::proto::rpc::marble_client::MarbleClient as ActivationClient;
pub use crate::proto::rpc::marble_server::{Marble as Activation, MarbleServer as ActivationServer};
pub use crate::proto::rpc::{ActivationReq, ActivationResp, Parameters};
pub use crate::proto::strongroom::v1::attestation_key_client::AttestationKeyClient;
pub use crate::proto::strongroom::v1::attestation_key_server::{AttestationKey, AttestationKeyServer};
pub use crate::proto::strongroom::v1::enrolment_client::EnrolmentClient;
pub use crate::proto::strongroom::v1::enrolment_server::{Enrolment, EnrolmentServer};
pub use crate::proto::strongroom::v1::marble_client::MarbleClient;
pub use crate::proto::strongroom::v1::marble_server::{Marble, MarbleServer};
pub use crate::proto::strongroom::v1::{
    AttestationKeyRequest, AttestationKeyResponse, BeginEnrolmentRequest, BeginEnrolmentResponse,
    CredentialRequest, CredentialResponse, EvidenceRequest, EvidenceResponse, FinishEnrolmentRequest,
    FinishEnrolmentResponse, RenewRequest, RenewResponse,
};
