//! A14, first half: files, identity and keys in memory, where only the workload sees them.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::mount::mount_bind;
use strongroom_crypto::secret::SecretBytes;

use crate::credentials::Credentials;
use crate::memory::{self, Purpose};
use crate::namespace::Namespace;
use crate::parameters::{IDENTITY, OUTSIDE};

/// Files cannot be put where they belong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// Nothing can be mounted, and the place is on a disk.
    #[error(
        "{path} does not lie in memory, and nothing can be mounted there ({reason}): mount a tmpfs at it (in Kubernetes \
         an emptyDir with `medium: Memory`), or allow user namespaces or CAP_SYS_ADMIN"
    )]
    NotInMemory {
        /// The directory.
        path: String,
        /// Why nothing can be mounted.
        reason: String,
    },
    /// A file or directory cannot be made.
    #[error("{path} cannot be provided: {what}")]
    Write {
        /// Its path.
        path: String,
        /// What failed.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ProvisionError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotInMemory { .. } => "launcher.not_in_memory",
            Self::Write { .. } => "launcher.provision",
        }
    }
}

/// The places that were provided, and what lies there. Dropping it wipes every file.
#[derive(Debug)]
pub struct Provisioner {
    namespace: Namespace,
    /// Directories in memory; the first is the provision directory.
    roots: Vec<Root>,
    /// Every file: its root and its path below it.
    placed: Vec<(usize, String)>,
}

#[derive(Debug)]
struct Root {
    path: String,
    directory: OwnedFd,
}

impl Provisioner {
    /// Prepares the provision directory: mounts a memory file system there, or makes sure that it is one.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub fn prepare(provision_dir: &str, namespace: Namespace) -> Result<Self, ProvisionError> {
        let mut provisioner = Self {
            namespace,
            roots: Vec::new(),
            placed: Vec::new(),
        };
        let directory = memory::directory(provision_dir)
            .map_err(|source| write_error(provision_dir, "the directory cannot be opened", source))?;
        provisioner.add_root(provision_dir, directory)?;
        Ok(provisioner)
    }

    /// Provides one file that the coordinator sent.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub fn provide(&mut self, path: &str, content: &SecretBytes) -> Result<(), ProvisionError> {
        if let Some((root, relative)) = self.root_of(path) {
            return self.place(root, relative, content.expose());
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let directory = memory::directory(parent)
            .map_err(|source| write_error(path, "its directory cannot be opened", source))?;
        let empty = memory::is_empty(&directory)
            .map_err(|source| write_error(path, "its directory cannot be listed", source))?;
        // Over a directory that others use as well only the one file may be covered.
        if self.namespace == Namespace::Private && !empty {
            return self.bind(path, &directory, name, content.expose());
        }
        let root = self.add_root(parent, directory)?;
        self.place(root, name.to_owned(), content.expose())
    }

    /// Provides or replaces the identity. The chain comes last: who sees a new chain finds its key.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub fn provide_identity(&mut self, credentials: &Credentials) -> Result<(), ProvisionError> {
        let coordinator_root = credentials.coordinator_root().to_pem();
        let marble_root = credentials.marble_root().to_pem();
        let key = credentials.key().to_pkcs8_pem();
        for (name, content) in [
            ("coordinator_root.pem", coordinator_root.as_bytes()),
            ("marble_root.pem", marble_root.as_bytes()),
            ("key.pem", key.as_bytes()),
            ("chain.pem", credentials.chain_pem().as_bytes()),
        ] {
            self.place(0, format!("{IDENTITY}/{name}"), content)?;
        }
        Ok(())
    }

    /// Overwrites and removes every file that was provided.
    pub fn wipe(&mut self) {
        for (root, relative) in self.placed.drain(..) {
            let root = &self.roots[root];
            if let Err(error) = memory::wipe(&root.directory, &relative) {
                // The workload may have removed or replaced it: then there is nothing of ours left.
                tracing::debug!(path = format!("{}/{relative}", root.path), %error, "not wiped");
            }
        }
    }

    fn root_of(&self, path: &str) -> Option<(usize, String)> {
        self.roots.iter().enumerate().find_map(|(index, root)| {
            let relative = path.strip_prefix(&root.path)?.strip_prefix('/')?;
            Some((index, relative.to_owned()))
        })
    }

    fn add_root(&mut self, path: &str, directory: OwnedFd) -> Result<usize, ProvisionError> {
        let directory = match &self.namespace {
            Namespace::Private => {
                memory::mount_over(&directory, Purpose::Data)
                    .map_err(|source| write_error(path, "no memory file system can be mounted", source))?;
                memory::directory(path)
                    .map_err(|source| write_error(path, "the mounted file system cannot be opened", source))?
            }
            Namespace::Shared { .. } => directory,
        };
        let in_memory = memory::is_memory_backed(&directory)
            .map_err(|source| write_error(path, "its file system is unknown", source))?;
        if !in_memory {
            let reason = match &self.namespace {
                Namespace::Shared { reason } => reason.clone(),
                Namespace::Private => "something else was mounted over it".to_owned(),
            };
            return Err(ProvisionError::NotInMemory {
                path: path.to_owned(),
                reason,
            });
        }
        self.roots.push(Root {
            path: path.to_owned(),
            directory,
        });
        Ok(self.roots.len() - 1)
    }

    fn place(&mut self, root: usize, relative: String, content: &[u8]) -> Result<(), ProvisionError> {
        let Root { path, directory } = &self.roots[root];
        memory::place(directory, &relative, content)
            .map_err(|source| write_error(&format!("{path}/{relative}"), "it cannot be written", source))?;
        let entry = (root, relative);
        if !self.placed.contains(&entry) {
            self.placed.push(entry);
        }
        Ok(())
    }

    /// The file in the provision directory's file system, mounted over its place in a directory that stays visible.
    fn bind(
        &mut self,
        path: &str,
        directory: &OwnedFd,
        name: &str,
        content: &[u8],
    ) -> Result<(), ProvisionError> {
        let relative = format!("{OUTSIDE}/{}", self.placed.len());
        self.place(0, relative.clone(), content)?;
        let open = |from: &OwnedFd, name: &str, flags: OFlags| {
            let mode = if flags.contains(OFlags::CREATE) {
                Mode::RUSR | Mode::WUSR
            } else {
                Mode::empty()
            };
            rustix::fs::openat2(from, name, flags | OFlags::CLOEXEC, mode, memory::STRICT)
        };
        let target = match open(directory, name, OFlags::PATH) {
            // An empty file to mount over: of the secret, only its name reaches the disk.
            Err(rustix::io::Errno::NOENT) => {
                open(directory, name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)
            }
            opened => opened,
        }
        .map_err(|error| write_error(path, "there is no place to mount it", error.into()))?;
        open(&self.roots[0].directory, &relative, OFlags::PATH)
            .and_then(|source| mount_bind(memory::by_descriptor(&source), memory::by_descriptor(&target)))
            .map_err(|error| write_error(path, "it cannot be mounted", error.into()))
    }
}

impl Drop for Provisioner {
    fn drop(&mut self) {
        self.wipe();
    }
}

fn write_error(path: &str, what: &'static str, source: io::Error) -> ProvisionError {
    ProvisionError::Write {
        path: path.to_owned(),
        what,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> Namespace {
        Namespace::Shared {
            reason: "no right".to_owned(),
        }
    }

    #[test]
    fn without_the_right_to_mount_the_place_must_lie_in_memory() {
        let error = Provisioner::prepare("/proc/sys", shared()).expect_err("no memory");
        assert_eq!(error.code(), "launcher.not_in_memory");
        assert!(error.to_string().contains("mount a tmpfs"), "{error}");
    }

    #[test]
    #[ignore = "needs /dev/shm in memory"]
    fn what_is_placed_is_wiped_in_the_end() {
        let folder = tempfile::TempDir::new_in("/dev/shm").expect("folder");
        let path = folder.path().join("provision");
        let directory = path.to_str().expect("plain");
        let mut provisioner = Provisioner::prepare(directory, shared()).expect("in memory");
        let secret = SecretBytes::new(b"secret".to_vec());
        provisioner
            .provide(&format!("{directory}/keys/a"), &secret)
            .expect("provide");
        provisioner
            .provide(&format!("{}/elsewhere/b", folder.path().display()), &secret)
            .expect("provide");
        assert_eq!(std::fs::read(path.join("keys/a")).expect("read"), b"secret");
        assert_eq!(
            std::fs::read(folder.path().join("elsewhere/b")).expect("read"),
            b"secret"
        );
        drop(provisioner);
        assert!(!path.join("keys/a").exists() && !folder.path().join("elsewhere/b").exists());
    }
}
