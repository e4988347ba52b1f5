//! Rules and the certificates that they admit.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use strongroom_service::Remote;

use super::*;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    fn client(&self) -> (CertificateDer<'static>, String) {
        let key = KeyPair::generate().expect("a key");
        let certificate = client_params()
            .signed_by(&key, &self.issuer)
            .expect("a certificate");
        (certificate.der().clone(), certificate.pem())
    }
}

fn client_params() -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).expect("parameters");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn outcome(clients: &Clients, certificate: Option<&CertificateDer<'static>>, now: UnixTime) -> Option<Code> {
    let mut connection = ConnectionInfo::for_tests(Remote::Unix);
    connection.peer_certificates = certificate.cloned().into_iter().collect();
    clients
        .permit((), Some(&Arc::new(connection)), now)
        .err()
        .map(|error| error.code())
}

const NOW: UnixTime = UnixTime(1_790_000_000);
/// After the end of the certificates that are made here, in the year 4096.
const LATE: UnixTime = UnixTime(80_000_000_000);

#[test]
fn an_authority_admits_its_own() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let clients = Clients::of_authority(&ours.pem).expect("an authority");
    let (client, _) = ours.client();
    let (stranger, _) = theirs.client();
    assert_eq!(outcome(&clients, Some(&client), NOW), None);
    assert_eq!(
        outcome(&clients, Some(&stranger), NOW),
        Some(Code::PermissionDenied)
    );
    assert_eq!(
        outcome(&clients, Some(&client), LATE),
        Some(Code::PermissionDenied)
    );
    assert_eq!(outcome(&clients, None, NOW), Some(Code::PermissionDenied));
    assert_eq!(
        clients.permit((), None, NOW).err().map(|error| error.code()),
        Some(Code::PermissionDenied)
    );
}

#[test]
fn a_list_admits_who_is_on_it() {
    let authority = Authority::new();
    let (client, pem) = authority.client();
    let (other, _) = authority.client();
    let clients = Clients::listed([pem.as_str()]).expect("a list");
    assert_eq!(outcome(&clients, Some(&client), NOW), None);
    assert_eq!(outcome(&clients, Some(&other), NOW), Some(Code::PermissionDenied));
    assert_eq!(
        outcome(&clients, Some(&client), LATE),
        Some(Code::PermissionDenied)
    );
    assert_eq!(outcome(&clients, None, NOW), Some(Code::PermissionDenied));
}

#[test]
fn anyone_is_anyone() {
    assert_eq!(outcome(&Clients::anyone(), None, NOW), None);
}

#[test]
fn rules_without_certificates_are_none() {
    assert!(Clients::of_authority("nothing").is_err());
    assert!(Clients::listed([]).is_err());
    assert!(Clients::listed(["nothing"]).is_err());
}
