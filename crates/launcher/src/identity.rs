//! A3: who this run is. A key, a certificate of its own for the connection, a request for one from the coordinator; and
//! the UUID, which the host keeps and which is worth nothing by itself.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::Random;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Names;
use strongroom_ratls::Identity;
use uuid::Uuid;

use crate::config::ConfigError;
use crate::error::LaunchError;

/// Key, connection certificate and certificate request: one for each certificate that is asked for.
#[derive(Debug)]
pub struct ClientIdentity {
    /// The key of both.
    pub key: SigningKey,
    /// What is presented on the connection.
    pub tls: Identity,
    /// The request, DER.
    pub request: Vec<u8>,
}

impl ClientIdentity {
    /// Makes all three.
    ///
    /// # Errors
    /// When the names cannot stand in a certificate.
    pub fn create(names: &Names, now: UnixTime, random: &dyn Random) -> Result<Self, LaunchError> {
        let key = SigningKey::generate_p384();
        let template = Template {
            common_name: COMMON_NAME.to_owned(),
            names: names.clone(),
            not_before: now.minus(CLOCK_TOLERANCE_SECONDS),
            not_after: now.plus(VALIDITY_SECONDS),
            usage: Usage::Leaf,
            extensions: Vec::new(),
        };
        let unusable = |error: issue::IssueError| ConfigError::Name(error.to_string());
        let certificate = issue::self_signed(&template, &key, random).map_err(unusable)?;
        let request = issue::certificate_request(&key, names).map_err(unusable)?;
        let tls = Identity::new(&[certificate], &key).map_err(strongroom_ratls::ConnectError::from)?;
        Ok(Self { key, tls, request })
    }
}

/// The UUID in the file; a new one, written there, if there is none.
///
/// # Errors
/// When the file holds something else, or cannot be read or written.
pub fn uuid(path: &Path) -> Result<Uuid, ConfigError> {
    let unusable = |what: String| ConfigError::UuidFile {
        path: path.display().to_string(),
        what,
    };
    match fs::read_to_string(path) {
        Ok(text) => Uuid::parse_str(text.trim()).map_err(|_| unusable("it holds no UUID".to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = Uuid::new_v4();
            fs::write(path, made.to_string()).map_err(|error| unusable(error.to_string()))?;
            Ok(made)
        }
        Err(error) => Err(unusable(error.to_string())),
    }
}

/// As premain's.
const COMMON_NAME: &str = "MarbleRun Marble";
const CLOCK_TOLERANCE_SECONDS: u64 = 5 * 60;
/// The certificate serves one connection, whose server looks at its key only.
const VALIDITY_SECONDS: u64 = 24 * 3600;

#[cfg(test)]
mod tests {
    use strongroom_crypto::random::SystemRandom;
    use strongroom_crypto::x509::{Certificate, Csr};

    use super::*;

    #[test]
    fn certificate_and_request_have_the_same_key_and_names() {
        let names = Names {
            dns: vec!["localhost".to_owned()],
            ip: vec![[127, 0, 0, 1].into()],
        };
        let identity =
            ClientIdentity::create(&names, UnixTime(1_790_000_000), &SystemRandom).expect("identity");
        let certificate = Certificate::parse(identity.tls.certificate()).expect("certificate");
        let request = Csr::parse_and_verify(&identity.request).expect("request");
        assert_eq!(certificate.spki_der(), request.spki_der());
        assert_eq!((certificate.names(), request.names()), (&names, &names));
        assert_eq!(certificate.subject_cn(), Some("MarbleRun Marble"));
    }

    #[test]
    fn the_uuid_stays() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("uuid");
        let made = uuid(&path).expect("made");
        assert_eq!(uuid(&path).expect("read"), made);
        fs::write(&path, format!("{made}\n")).expect("write");
        assert_eq!(uuid(&path).expect("read"), made);
        fs::write(&path, "x").expect("write");
        assert!(uuid(&path).is_err());
    }
}
