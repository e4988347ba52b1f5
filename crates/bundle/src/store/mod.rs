//! Places where bundles lie: files, and whatever `object_store` speaks to. All of them are untrusted.

mod error;
mod list;
mod local;
mod object;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure", feature = "http"))]
mod options;
#[cfg(feature = "s3")]
mod profile;
#[cfg(feature = "s3")]
mod s3;
pub(crate) mod upload;
mod url;
mod whole;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt};
use strongroom_crypto::random::Random;
use strongroom_crypto::secret::ModelKey;

pub use self::error::StoreError;
pub use self::list::{Children, Listed};
pub use self::url::Environment;
use crate::access::{LocalFile, RandomAccess};
use crate::error::BundleError;
use crate::writer::{BundleSummary, Sources, WriteOptions, Writer};

/// The place of one object, or of all objects below a prefix.
///
/// A path, or a URL: `file://`, `s3://bucket/path`, `gs://bucket/path`, `az://container/path`, and `http(s)://` for
/// reading. Credentials come from where users of those stores keep them: see [`Environment`].
#[derive(Clone)]
pub struct Location(Place);

#[derive(Clone)]
enum Place {
    Local(PathBuf),
    Remote(Remote),
}

/// A place behind a network.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    store: Arc<dyn ObjectStore>,
    path: object_store::path::Path,
    /// As the user wrote it: holds no credentials.
    shown: String,
    access: Access,
}

/// What a store is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read, write, list.
    Full,
    /// Read single objects.
    #[cfg_attr(
        not(feature = "http"),
        expect(dead_code, reason = "only http:// takes no writes")
    )]
    ReadOnly,
}

impl Location {
    /// Understands a path or URL, with the credentials of this process's environment.
    ///
    /// # Errors
    /// [`StoreError::Url`], [`StoreError::Unsupported`], [`StoreError::Configuration`].
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        Self::parse_with(text, &Environment::of_process())
    }

    /// The same with another environment.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with(text: &str, environment: &Environment) -> Result<Self, StoreError> {
        url::parse(text, environment)
    }

    /// A local path, taken as it is.
    #[must_use]
    pub fn from_path(path: impl Into<PathBuf>) -> Self {
        Self(Place::Local(path.into()))
    }

    /// A place in a store that the caller has set up; `shown` is its name in messages.
    ///
    /// # Errors
    /// [`StoreError::Url`] where `path` is none.
    pub fn in_store(store: Arc<dyn ObjectStore>, path: &str, shown: &str) -> Result<Self, StoreError> {
        let path = object_store::path::Path::parse(path).map_err(|error| StoreError::Url {
            url: shown.to_owned(),
            why: error.to_string(),
        })?;
        Ok(Self(Place::Remote(Remote {
            store,
            path,
            shown: shown.to_owned(),
            access: Access::Full,
        })))
    }

    /// The local path, where this is one.
    #[must_use]
    pub fn local_path(&self) -> Option<&std::path::Path> {
        match &self.0 {
            Place::Local(path) => Some(path),
            Place::Remote(_) => None,
        }
    }

    /// The place `name` below this one.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        match &self.0 {
            Place::Local(path) => Self(Place::Local(path.join(name))),
            Place::Remote(remote) => {
                let path = name
                    .split('/')
                    .fold(remote.path.clone(), |path, part| path.join(part));
                let shown = format!("{}/{name}", remote.shown.trim_end_matches('/'));
                Self(Place::Remote(Remote {
                    path,
                    shown,
                    ..remote.clone()
                }))
            }
        }
    }

    /// Opens the object for reading. For a remote object nothing is asked yet.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Denied`] for local files.
    pub fn open(&self) -> Result<Arc<dyn RandomAccess>, StoreError> {
        Ok(match &self.0 {
            Place::Local(path) => Arc::new(LocalFile::open(path)?),
            Place::Remote(remote) => Arc::new(object::Object::new(remote.clone())),
        })
    }

    /// Whether an object is there.
    ///
    /// # Errors
    /// Whatever keeps the store from saying so.
    pub async fn exists(&self) -> Result<bool, StoreError> {
        match &self.0 {
            Place::Local(path) => path
                .try_exists()
                .map_err(|error| StoreError::local(path, error))
                .map(|there| there && path.is_file()),
            Place::Remote(remote) => match remote.store.head(&remote.path).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(remote.error(error)),
            },
        }
    }

    /// All objects below this prefix, or the object itself where it is one, in order of their names. What a store
    /// lists is a hint and nothing more: leaving out and inventing are both in its power.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is neither; [`StoreError::TooLarge`] where there are too many.
    pub async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        list::list(self).await
    }

    /// Folders and objects directly below this prefix, in order of their names.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where nothing is there, [`StoreError::TooLarge`] where there is too much.
    pub async fn children(&self) -> Result<Children, StoreError> {
        list::children(self).await
    }

    /// What changes when the content of this object does.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where it is not there, and as the store answers.
    pub async fn tag(&self) -> Result<String, StoreError> {
        list::tag(self).await
    }

    /// A small object whole.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] where it has more than `bytes_max`, and as the store answers.
    pub async fn read_small(&self, bytes_max: u64) -> Result<Bytes, StoreError> {
        let (bytes, found) = self.open()?.tail(bytes_max).await?;
        if found > bytes_max {
            return Err(StoreError::TooLarge {
                place: self.to_string(),
                found,
                limit: bytes_max,
            });
        }
        Ok(bytes)
    }

    /// A whole object into one stretch of memory: behind a network in several requests at once, each written to its place.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] where it has more than `bytes_max`, [`StoreError::Changed`], and as the store answers.
    pub async fn read_whole(&self, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        whole::read(self, bytes_max).await
    }

    /// Copies a local file here. The object appears when all of it is there, or not at all.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], and as file system and store answer.
    pub async fn put_file(&self, source: &std::path::Path) -> Result<(), StoreError> {
        match &self.0 {
            Place::Local(path) => {
                let (from, to) = (source.to_owned(), path.clone());
                local::blocking(move || local::copy(&from, &to)).await
            }
            Place::Remote(remote) => upload::file(remote, source).await,
        }
    }

    /// Removes the object. Nothing being there is no error.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], and as file system and store answer.
    pub async fn delete(&self) -> Result<(), StoreError> {
        match &self.0 {
            Place::Local(path) => match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(StoreError::local(path, error))
                }
                _ => Ok(()),
            },
            Place::Remote(remote) => {
                remote.check_writable()?;
                match remote.store.delete(&remote.path).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                    Err(error) => Err(remote.error(error)),
                }
            }
        }
    }

    /// Encrypts `sources` for `key` into a bundle here. The bundle appears when all of it is there, or not at all; what
    /// was here before stays until then.
    ///
    /// # Errors
    /// As [`crate::write`], and [`BundleError::Store`].
    pub async fn encrypt(
        &self,
        sources: Sources,
        key: &ModelKey,
        random: &dyn Random,
        options: &WriteOptions,
    ) -> Result<BundleSummary, BundleError> {
        let writer = Writer::new(sources, key, random, options)?;
        match &self.0 {
            Place::Local(path) => {
                let path = path.clone();
                local::blocking(move || local::replace(&path, |sink| writer.write(sink))).await
            }
            Place::Remote(remote) => {
                let bytes_max = writer.stored_bytes_max();
                upload::produce(remote, bytes_max, move |sink| writer.write(sink)).await
            }
        }
    }

    pub(crate) const fn remote(&self) -> Option<&Remote> {
        match &self.0 {
            Place::Local(_) => None,
            Place::Remote(remote) => Some(remote),
        }
    }
}

impl Remote {
    fn error(&self, error: object_store::Error) -> StoreError {
        StoreError::remote(&self.shown, error)
    }

    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        match self.access {
            Access::Full => Ok(()),
            Access::ReadOnly => Err(StoreError::ReadOnly {
                place: self.shown.clone(),
            }),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Local(path) => path.display().fmt(f),
            Place::Remote(remote) => f.write_str(&remote.shown),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}
