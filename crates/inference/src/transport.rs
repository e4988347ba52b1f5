//! How bytes travel on a port: as they are, or through TLS that follows its files.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use strongroom_service::{ReloadableIdentity, Shutdown, TlsHandle, Transport};

use crate::config::{Identity, TlsPlan};
use crate::tls::{self, TlsError};

/// Sets TLS up where it is planned. Keys, certificates and the authorities of clients are read again when their files
/// change; connections that are open keep what they have.
///
/// # Errors
/// When a file does not hold what it should.
pub fn of_plan(
    plan: Option<&TlsPlan>,
    protocols: &'static [&'static [u8]],
    shutdown: &Shutdown,
) -> Result<Transport, TlsError> {
    let Some(plan) = plan else {
        return Ok(Transport::Plain);
    };
    let identity = match &plan.identity {
        Identity::Files(files) => {
            let (identity, seen) = files.load()?;
            let identity = ReloadableIdentity::new(identity);
            let follower = files.clone();
            tokio::spawn(follower.follow(Arc::clone(&identity), seen, shutdown.clone()));
            identity
        }
        Identity::Inline {
            private_key,
            certificate_chain,
        } => inline(private_key, certificate_chain)?,
    };
    let tls = tls::server(Arc::clone(&identity), &plan.clients, plan.versions, protocols)?;
    if plan.source.is_some() {
        let follower = Follower {
            plan: plan.clone(),
            identity,
            protocols,
            tls: tls.clone(),
        };
        tokio::spawn(follower.follow(shutdown.clone()));
    }
    Ok(Transport::Tls {
        tls,
        exporter_label: None,
    })
}

fn inline(private_key: &str, certificate_chain: &str) -> Result<Arc<ReloadableIdentity>, TlsError> {
    let place = Path::new("SSLConfig");
    let identity = tls::identity_of(private_key.as_bytes(), certificate_chain.as_bytes(), place)?;
    Ok(ReloadableIdentity::new(identity))
}

/// Looks after the file that a plan was read from, beside the identity's own files.
struct Follower {
    plan: TlsPlan,
    identity: Arc<ReloadableIdentity>,
    protocols: &'static [&'static [u8]],
    tls: TlsHandle,
}

impl Follower {
    async fn follow(mut self, shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(INTERVAL) => self.refresh(),
            }
        }
    }

    // What cannot be used changes nothing: it may be half written.
    fn refresh(&mut self) {
        let renewed = match self.plan.read_again() {
            Ok(Some(plan)) => plan,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "TLS configuration cannot be read again; the old one stays");
                return;
            }
        };
        match self.apply(&renewed) {
            Ok(()) => {
                self.plan = renewed;
                tracing::info!("TLS configuration replaced");
            }
            Err(error) => tracing::warn!(%error, "TLS configuration cannot be used; the old one stays"),
        }
    }

    fn apply(&mut self, plan: &TlsPlan) -> Result<(), TlsError> {
        let identity = match &plan.identity {
            Identity::Files(_) => Arc::clone(&self.identity),
            Identity::Inline {
                private_key,
                certificate_chain,
            } => inline(private_key, certificate_chain)?,
        };
        let tls = tls::server(
            Arc::clone(&identity),
            &plan.clients,
            plan.versions,
            self.protocols,
        )?;
        self.identity = identity;
        self.tls.replace(tls.current());
        Ok(())
    }
}

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::tls::of_ssl_config;
    use crate::tls::{ClientAuth, GRPC_PROTOCOLS};

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let quoted = |pem: String| pem.replace('\n', "\\n");
        (quoted(made.signing_key.serialize_pem()), quoted(made.cert.pem()))
    }

    fn unquoted(text: &str) -> String {
        text.replace("\\n", "\n")
    }

    #[test]
    fn a_file_with_everything_in_it_is_followed() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("ssl.txt");
        let write = |key: &str, certificate: &str, rest: &str| {
            let text = format!("server_key: \"{key}\" server_cert: \"{certificate}\" {rest}");
            fs::write(&path, text).expect("write");
        };
        let (key, certificate) = made();
        write(&key, &certificate, "");
        let plan = of_ssl_config(&path).expect("a plan");
        let loaded = tls::identity_of(
            unquoted(&key).as_bytes(),
            unquoted(&certificate).as_bytes(),
            &path,
        );
        let identity = ReloadableIdentity::new(loaded.expect("an identity"));
        let tls = tls::server(
            Arc::clone(&identity),
            &plan.clients,
            plan.versions,
            GRPC_PROTOCOLS,
        );
        let mut follower = Follower {
            plan,
            identity,
            protocols: GRPC_PROTOCOLS,
            tls: tls.expect("TLS"),
        };
        let first = follower.identity.current().cert[0].clone();
        follower.refresh();
        assert_eq!(follower.identity.current().cert[0], first);

        // A key that is another's, a text that ends early: nothing changes.
        let (other_key, other_certificate) = made();
        write(&other_key, &certificate, "");
        follower.refresh();
        fs::write(&path, "server_key: \"").expect("write");
        follower.refresh();
        assert_eq!(follower.identity.current().cert[0], first);

        let authority = format!("custom_ca: \"{certificate}\" client_verify: true");
        write(&other_key, &other_certificate, &authority);
        follower.refresh();
        assert_ne!(follower.identity.current().cert[0], first);
        assert!(matches!(&follower.plan.clients, ClientAuth::Required(roots) if *roots == [first]));
    }
}
