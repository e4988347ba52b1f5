//! Decrypts a whole bundle into a folder that appears only when all of it is there.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::core::{position, within};
use super::{Reader, blocking};
use crate::error::BundleError;
use crate::format::table::FileEntry;
use crate::progress::Progress;

pub(super) async fn to_dir(
    reader: &Reader,
    destination: &Path,
    progress: Progress,
) -> Result<(), BundleError> {
    if is_taken(destination) {
        return Err(BundleError::Exists(destination.to_owned()));
    }
    let parent = destination
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    // In the same folder, so that the rename at the end is one step; 0700, since what is in it was secret.
    let folder = tempfile::Builder::new()
        .prefix(".strongroom-")
        .suffix(".partial")
        .tempdir_in(parent.unwrap_or(Path::new(".")))
        .map_err(BundleError::io(format!(
            "making a folder beside {}",
            destination.display()
        )))?;

    let files: Arc<[FileEntry]> = reader.files().into();
    let (made, root) = (files.clone(), folder.path().to_owned());
    blocking(move || made.iter().try_for_each(|file| make(&root, file))).await?;

    let (written, root) = (files, folder.path().to_owned());
    let counter = progress.counter(Some(reader.content_bytes()));
    reader
        .for_each(Arc::new(move |offset, plain: &[u8]| {
            let bytes = write(&root, &written, offset, plain)?;
            counter.add(bytes);
            Ok(())
        }))
        .await?;

    fs::rename(folder.path(), destination)
        .map_err(BundleError::io(format!("renaming to {}", destination.display())))?;
    // The folder has its name: it is no longer a temporary one.
    let _ = folder.keep();
    Ok(())
}

/// An empty folder may be replaced, as `rename` does.
fn is_taken(destination: &Path) -> bool {
    match fs::read_dir(destination) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => fs::symlink_metadata(destination).is_ok(),
    }
}

fn make(root: &Path, file: &FileEntry) -> Result<(), BundleError> {
    // Names were checked when the table was read: relative, and without `..`.
    let path = root.join(file.name());
    let what = || format!("making {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(BundleError::io(what()))?;
    }
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    made.and_then(|made| made.set_len(file.length))
        .map_err(BundleError::io(what()))
}

/// Writes the parts of one chunk to the files they belong to; returns how many bytes were no padding.
fn write(root: &Path, files: &[FileEntry], offset: u64, plain: &[u8]) -> Result<u64, BundleError> {
    let end = offset + plain.len() as u64;
    let first = files.partition_point(|file| file.offset + file.length <= offset);
    let mut bytes = 0;
    for file in files[first..].iter().take_while(|file| file.offset < end) {
        let part = file.offset.max(offset)..(file.offset + file.length).min(end);
        let path = root.join(file.name());
        let opened: std::io::Result<File> = OpenOptions::new().write(true).open(&path);
        opened
            .and_then(|opened| {
                opened.write_all_at(&plain[within(part.clone(), offset)], part.start - file.offset)
            })
            .map_err(BundleError::io(format!("writing {}", path.display())))?;
        bytes += position(part.end - part.start) as u64;
    }
    Ok(bytes)
}
