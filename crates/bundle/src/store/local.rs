//! Files that appear whole or not at all: written beside their place, synced, renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::StoreError;
use crate::error::BundleError;

/// How a file that is not yet whole ends; such files are never listed.
pub(super) const PARTIAL_SUFFIX: &str = ".partial";

/// Runs work that waits for a disk where it holds up nobody.
pub(super) async fn blocking<T: Send + 'static, E: From<StoreError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => {
                let place = "this program".to_owned();
                Err(StoreError::Failed {
                    place,
                    source: Box::new(error),
                }
                .into())
            }
        },
    }
}

/// Calls `produce` with a new file that then takes the place of `path`. After an error, or a panic, it is gone.
pub(super) fn replace<T>(
    path: &Path,
    produce: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, BundleError>,
) -> Result<T, BundleError> {
    let what = || format!("writing {}", path.display());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(BundleError::io(what()))?;
    // A bundle is ciphertext: who may read it is the folder's and the umask's affair.
    let mut file = tempfile::Builder::new()
        .prefix(".strongroom-")
        .suffix(PARTIAL_SUFFIX)
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(BundleError::io(what()))?;
    let produced = produce(file.as_file_mut())?;
    file.as_file().sync_all().map_err(BundleError::io(what()))?;
    file.persist(path)
        .map_err(|error| BundleError::io(what())(error.error))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(BundleError::io(what()))?;
    Ok(produced)
}

/// Copies a file.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let mut source = File::open(from).map_err(|error| StoreError::local(from, error))?;
    replace(to, |sink| {
        io::copy(&mut source, sink).map_err(BundleError::io(format!("reading {}", from.display())))
    })
    .map(|_| ())
    .map_err(|error| match error {
        BundleError::Io { source, .. } => StoreError::local(to, source),
        other => StoreError::Failed {
            place: to.display().to_string(),
            source: Box::new(other),
        },
    })
}
