//! A launcher's part of the mesh port.

use strongroom_api::marble::{
    ActivationClient, ActivationReq, MarbleClient, Parameters, RenewRequest, RenewResponse,
};
use strongroom_attest::{ActivateBinding, Binding};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::issue::certificate_request;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::Names;
use strongroom_ratls::channel::HttpConnection;
use strongroom_ratls::{Alpn, Session};
use tonic::Status;

use crate::fixture::{LAUNCHER, Person, Running, workload};
use crate::platform::{Machine, NOW};

pub(crate) const UUID: &str = "f20dd6f7-eee3-4c61-ad04-9d87cc4c8f79";

/// What a workload is and says; each test changes one thing.
pub(crate) struct Workload {
    pub(crate) machine: Machine,
    pub(crate) person: Person,
    pub(crate) program: &'static str,
    pub(crate) description: Option<Digest32>,
    pub(crate) marble_type: String,
    pub(crate) uuid: String,
    pub(crate) dns: Vec<String>,
}

/// What travels in a request.
pub(crate) struct Request {
    pub(crate) evidence: Vec<u8>,
    pub(crate) csr: Vec<u8>,
    pub(crate) marble_type: String,
    pub(crate) uuid: String,
}

impl Workload {
    pub(crate) fn new(machine: &Machine, marble_type: &str) -> Self {
        Self {
            machine: machine.clone(),
            person: Person::new("workload"),
            program: LAUNCHER,
            description: Some(workload()),
            marble_type: marble_type.to_owned(),
            uuid: UUID.to_owned(),
            dns: Vec::new(),
        }
    }

    pub(crate) async fn connect(&self, running: &Running) -> Session {
        running
            .session(running.mesh, Some(self.person.identity()), Alpn::Http2)
            .await
    }

    pub(crate) fn csr(&self, key: &SigningKey) -> Vec<u8> {
        let names = Names {
            dns: self.dns.clone(),
            ip: Vec::new(),
        };
        certificate_request(key, &names).expect("a request")
    }

    /// A good request on `session`.
    pub(crate) fn request(&self, session: &Session) -> Request {
        let csr = self.csr(self.person.key());
        let binding = ActivateBinding::new(
            self.person.identity().certificate(),
            session.server_certificate(),
            *session.exporter(),
            &csr,
            &self.marble_type,
            &self.uuid,
        );
        let report_data = Binding::Activate(binding.expect("a binding")).report_data();
        let evidence = self
            .machine
            .evidence(self.program, self.description, report_data, NOW)
            .to_bytes();
        Request {
            evidence,
            csr,
            marble_type: self.marble_type.clone(),
            uuid: self.uuid.clone(),
        }
    }

    pub(crate) async fn activate(&self, running: &Running) -> Result<Parameters, Status> {
        self.activate_with(running, |_| {}).await
    }

    /// Activates with a request in which one thing is changed.
    pub(crate) async fn activate_with(
        &self,
        running: &Running,
        change: impl FnOnce(&mut Request),
    ) -> Result<Parameters, Status> {
        let session = self.connect(running).await;
        let mut request = self.request(&session);
        change(&mut request);
        send(session, request).await
    }

    pub(crate) async fn renew(&self, running: &Running) -> Result<RenewResponse, Status> {
        let session = self.connect(running).await;
        let Request {
            evidence,
            csr,
            marble_type,
            uuid,
        } = self.request(&session);
        let connection = HttpConnection::open(session).await.expect("HTTP");
        let request = RenewRequest {
            evidence,
            csr,
            marble_type,
            uuid,
        };
        MarbleClient::new(connection)
            .renew(request)
            .await
            .map(tonic::Response::into_inner)
    }
}

/// Sends an activation on a session.
pub(crate) async fn send(session: Session, request: Request) -> Result<Parameters, Status> {
    let connection = HttpConnection::open(session).await.expect("HTTP");
    let Request {
        evidence,
        csr,
        marble_type,
        uuid,
    } = request;
    let request = ActivationReq {
        quote: evidence,
        csr,
        marble_type,
        uuid,
    };
    let answer = ActivationClient::new(connection).activate(request).await?;
    Ok(answer.into_inner().parameters.expect("parameters"))
}
