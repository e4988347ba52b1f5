//! Model keys: one file per key in one folder, named by the key's id, 32 raw bytes, for its owner's eyes only.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use strongroom_crypto::secret::{KeyId, ModelKey, wipe};

/// A folder of keys.
#[derive(Debug, Clone)]
pub struct KeyFolder(PathBuf);

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No folder was named.
    #[error("the model is encrypted, and no folder of keys is given (--model_keys_dir)")]
    NoFolder,
    /// None of the keys that open the model is there.
    #[error("no key {} in {}", .ids.iter().map(KeyId::to_string).collect::<Vec<_>>().join(" or "), .folder.display())]
    Missing {
        /// Keys that would do.
        ids: Vec<KeyId>,
        /// Where they were looked for.
        folder: PathBuf,
    },
    /// Others can read the file.
    #[error("{0} can be read by others than its owner: its mode must be 0600 or 0400")]
    Mode(PathBuf),
    /// The file does not hold the key that its name says.
    #[error("{0} does not hold the 32 bytes of the key that it is named after")]
    Malformed(PathBuf),
    /// The file system refuses.
    #[error("{0} cannot be read")]
    Io(PathBuf, #[source] io::Error),
}

impl KeyError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFolder | Self::Missing { .. } => "model.key_missing",
            Self::Mode(_) => "model.key_mode",
            Self::Malformed(_) => "model.key_malformed",
            Self::Io(..) => "model.key_io",
        }
    }
}

impl KeyFolder {
    /// The folder at `path`; nothing is read yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The first of these keys that is there.
    ///
    /// # Errors
    /// When none is, or its file is not as it must be.
    pub fn first_of(&self, ids: &[KeyId]) -> Result<ModelKey, KeyError> {
        for id in ids {
            if let Some(key) = self.read(*id)? {
                return Ok(key);
            }
        }
        Err(KeyError::Missing {
            ids: ids.to_vec(),
            folder: self.0.clone(),
        })
    }

    fn read(&self, id: KeyId) -> Result<Option<ModelKey>, KeyError> {
        let path = self.0.join(id.to_string());
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(KeyError::Io(path, error)),
        };
        let metadata = file
            .metadata()
            .map_err(|error| KeyError::Io(path.clone(), error))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::Mode(path));
        }
        if metadata.len() != KEY_BYTES as u64 {
            return Err(KeyError::Malformed(path));
        }
        let mut bytes = [0; KEY_BYTES];
        let read = file.read_exact(&mut bytes);
        let key = ModelKey::init_with(|key| key.copy_from_slice(&bytes));
        wipe(&mut bytes);
        read.map_err(|error| KeyError::Io(path.clone(), error))?;
        if key.id() == id {
            Ok(Some(key))
        } else {
            Err(KeyError::Malformed(path))
        }
    }
}

const KEY_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    fn with_file(bytes: &[u8], mode: u32) -> (tempfile::TempDir, KeyFolder, KeyId) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let id = ModelKey::init_with(|key| key.fill(7)).id();
        let path = folder.path().join(id.to_string());
        fs::write(&path, bytes).expect("write");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("mode");
        let keys = KeyFolder::new(folder.path());
        (folder, keys, id)
    }

    fn outcome(bytes: &[u8], mode: u32) -> &'static str {
        let (_folder, keys, id) = with_file(bytes, mode);
        keys.first_of(&[id]).map_or_else(|error| error.code(), |_| "ok")
    }

    #[test]
    fn refuses_what_it_should() {
        assert_eq!(outcome(&[7; 32], 0o600), "ok");
        assert_eq!(outcome(&[7; 32], 0o400), "ok");
        assert_eq!(outcome(&[7; 32], 0o640), "model.key_mode");
        assert_eq!(outcome(&[7; 31], 0o600), "model.key_malformed");
        assert_eq!(outcome(&[8; 32], 0o600), "model.key_malformed");
        let (_folder, keys, id) = with_file(&[7; 32], 0o600);
        let other = KeyId([0; 16]);
        assert!(keys.first_of(&[other, id]).is_ok());
        assert_eq!(
            keys.first_of(&[other])
                .map_or_else(|error| error.code(), |_| "ok"),
            "model.key_missing"
        );
    }
}
