//! The running simulator: its keys, its folder, its socket.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use strongroom_attest::platform::software::{Authority, AuthorityError};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::encode::Encoder;
use strongroom_crypto::kdf::hkdf_sha256;
use strongroom_crypto::label;
use strongroom_crypto::random::Random;
use strongroom_crypto::secret::{SealKey, SecretBytes};
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use strongroom_service::Shutdown;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;

use crate::caller::Measurements;
use crate::exchange;
use crate::folder::{Folder, FolderError};

/// The root certificate in the simulator's folder, for manifests and policies.
pub const ROOT_FILE: &str = "root.pem";
const ROOT_KEY_FILE: &str = "root.key.pem";
const SEAL_SECRET_FILE: &str = "seal.secret";

/// Connections served at a time; others wait.
const CONNECTIONS_MAX: usize = 64;
/// How long one exchange may take.
const EXCHANGE_SECONDS_MAX: u64 = 20;

/// How a simulator is started.
#[derive(Clone)]
pub struct Config {
    /// Its folder, made with mode 0700 where it is missing.
    pub dir: PathBuf,
    /// Where it listens.
    pub socket: PathBuf,
    /// Whether it plays a platform that runs its programs in debug mode. No verifier accepts that without being told.
    pub debug: bool,
    /// The clock.
    pub clock: fn() -> UnixTime,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("dir", &self.dir)
            .field("socket", &self.socket)
            .field("debug", &self.debug)
            .finish_non_exhaustive()
    }
}

/// A simulator cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// Its folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What its folder holds is broken.
    #[error("{0} in the simulator's folder cannot be used")]
    Stored(&'static str),
    /// Its keys cannot be made.
    #[error("the simulator's keys cannot be made")]
    Keys(#[from] AuthorityError),
    /// Its socket cannot be opened.
    #[error("the socket {path} cannot be opened")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
}

/// A simulator that listens.
#[derive(Debug)]
pub struct Simulator {
    listener: UnixListener,
    socket: PathBuf,
    pub(crate) platform: Arc<Platform>,
}

/// What the exchanges share.
pub(crate) struct Platform {
    pub(crate) authority: Authority,
    pub(crate) measurements: Measurements,
    pub(crate) debug: bool,
    pub(crate) random: Arc<dyn Random>,
    seal_secret: SecretBytes,
    folder: Mutex<Folder>,
    clock: fn() -> UnixTime,
}

impl Simulator {
    /// Opens the folder, mints what is missing in it, and opens the socket. Needs a running tokio runtime.
    ///
    /// # Errors
    /// [`SimulatorError`].
    pub fn open(config: Config) -> Result<Self, SimulatorError> {
        let folder = Folder::open(&config.dir)?;
        let authority = authority(&folder, (config.clock)(), &*config.random)?;
        let seal_secret = seal_secret(&folder, &*config.random)?;
        let listener = listen(&config.socket).map_err(|source| SimulatorError::Socket {
            path: config.socket.clone(),
            source,
        })?;
        let platform = Platform {
            authority,
            measurements: Measurements::default(),
            debug: config.debug,
            random: config.random,
            seal_secret,
            folder: Mutex::new(folder),
            clock: config.clock,
        };
        Ok(Self {
            listener,
            socket: config.socket,
            platform: Arc::new(platform),
        })
    }

    /// The root that its evidence hangs on.
    #[must_use]
    pub fn root(&self) -> &Certificate {
        self.platform.authority.root()
    }

    /// Serves until shutdown is asked for; exchanges that run then are finished or cut by their time limit.
    pub async fn serve(self, shutdown: Shutdown) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let permit = Arc::clone(&permits)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown.requested() => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await; // descriptors may have run out
                    continue;
                }
            };
            let platform = Arc::clone(&self.platform);
            tokio::spawn(async move {
                let _permit = permit;
                let limit = Duration::from_secs(EXCHANGE_SECONDS_MAX);
                match tokio::time::timeout(limit, exchange::serve(stream, platform)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "exchange not finished"),
                    Err(_) => tracing::warn!(seconds = EXCHANGE_SECONDS_MAX, "exchange took too long"),
                }
            });
        }
        let running = u32::try_from(CONNECTIONS_MAX).expect("a small number");
        let _ = permits.acquire_many(running).await;
        if let Err(error) = fs::remove_file(&self.socket) {
            tracing::debug!(%error, "socket not removed");
        }
    }
}

impl Platform {
    pub(crate) fn now(&self) -> UnixTime {
        (self.clock)()
    }

    /// The caller's key: it hangs on the seal secret, the measurement and the flags, so neither another program nor
    /// another platform gets it.
    pub(crate) fn seal_key(&self, measurement: &Digest32) -> Result<SealKey, String> {
        let info = Encoder::new(label::SOFTWARE_SEAL)
            .bytes(measurement.as_bytes())
            .u64(u64::from(self.debug))
            .bytes(strongroom_attest::platform::software::SIMULATION_MARKER.as_bytes())
            .finish();
        let mut derived = Ok(());
        let key = SealKey::init_with(|key| derived = hkdf_sha256(self.seal_secret.expose(), &[], &info, key));
        derived.map(|()| key).map_err(|error| error.to_string())
    }

    pub(crate) fn with_folder<T>(&self, work: impl FnOnce(&Folder) -> T) -> T {
        work(&self.folder.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform")
            .field("debug", &self.debug)
            .finish_non_exhaustive()
    }
}

fn authority(folder: &Folder, now: UnixTime, random: &dyn Random) -> Result<Authority, SimulatorError> {
    // The certificate is written last: without it, nothing was ever signed by a root that anybody could have read.
    let Some(root) = folder.read(ROOT_FILE)? else {
        let authority = Authority::generate(now, random)?;
        folder.write(ROOT_KEY_FILE, authority.root_key().to_pkcs8_pem().as_bytes())?;
        folder.write(ROOT_FILE, authority.root().to_pem().as_bytes())?;
        return Ok(authority);
    };
    let text = |bytes: Vec<u8>, file| String::from_utf8(bytes).map_err(|_| SimulatorError::Stored(file));
    let root =
        Certificate::parse_pem(&text(root, ROOT_FILE)?).map_err(|_| SimulatorError::Stored(ROOT_FILE))?;
    let key = SecretBytes::new(
        folder
            .read(ROOT_KEY_FILE)?
            .ok_or(SimulatorError::Stored(ROOT_KEY_FILE))?,
    );
    let key = std::str::from_utf8(key.expose()).map_err(|_| SimulatorError::Stored(ROOT_KEY_FILE))?;
    let key = SigningKey::from_pkcs8_pem(key).map_err(|_| SimulatorError::Stored(ROOT_KEY_FILE))?;
    Ok(Authority::resume(root, key, now, random)?)
}

fn seal_secret(folder: &Folder, random: &dyn Random) -> Result<SecretBytes, SimulatorError> {
    if let Some(stored) = folder.read(SEAL_SECRET_FILE)? {
        let stored = SecretBytes::new(stored);
        return if stored.len() == 32 {
            Ok(stored)
        } else {
            Err(SimulatorError::Stored(SEAL_SECRET_FILE))
        };
    }
    let mut secret = vec![0; 32];
    random.fill(&mut secret);
    let secret = SecretBytes::new(secret);
    folder.write(SEAL_SECRET_FILE, secret.expose())?;
    Ok(secret)
}

/// Opens the socket; the folder's lock says that a socket left behind belongs to nobody any more.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => fs::remove_file(path)?,
        _ => {}
    }
    UnixListener::bind(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_crypto::random::SystemRandom;

    fn config(folder: &Path, debug: bool) -> Config {
        Config {
            dir: folder.join("platform"),
            socket: folder.join("socket"),
            debug,
            clock: || UnixTime(4_000_000_000),
            random: Arc::new(SystemRandom),
        }
    }

    #[tokio::test]
    async fn the_seal_key_differs_for_each_program_and_flag() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let key = |debug, program| {
            let simulator = Simulator::open(config(folder.path(), debug)).expect("a simulator");
            simulator
                .platform
                .seal_key(&Digest32([program; 32]))
                .expect("a key")
        };
        let reference = key(false, 1);
        assert_eq!(key(false, 1), reference);
        assert_ne!(key(false, 2), reference);
        assert_ne!(key(true, 1), reference);
    }

    #[tokio::test]
    async fn broken_files_are_named_and_not_replaced() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        drop(Simulator::open(config(folder.path(), false)).expect("a simulator"));
        for file in [ROOT_FILE, ROOT_KEY_FILE, SEAL_SECRET_FILE] {
            let path = folder.path().join("platform").join(file);
            let good = fs::read(&path).expect("it is there");
            fs::write(&path, b"broken").expect("writable");
            let error = Simulator::open(config(folder.path(), false)).expect_err("it is broken");
            assert!(
                matches!(error, SimulatorError::Stored(name) if name == file),
                "{error}"
            );
            fs::write(&path, good).expect("writable");
        }
        drop(Simulator::open(config(folder.path(), false)).expect("a simulator"));
    }
}
