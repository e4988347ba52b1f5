//! What lies below a prefix.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt};

use super::local::{PARTIAL_SUFFIX, blocking};
use super::{Access, Location, Remote, StoreError};

/// Most objects in one listing.
const LISTED_MAX: u64 = 10_000;
/// Deepest folder below a local prefix.
const DEPTH_MAX: usize = 16;

/// One object below a prefix.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its name from the prefix on, with `/` between parts; the last part alone where the prefix is the object.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// Its size, as the store says.
    pub bytes: u64,
    /// What changes when its content does, as far as the store says: entity tag, time of change, size.
    pub tag: String,
}

/// What lies directly below a prefix.
#[derive(Debug, Clone, Default)]
pub struct Children {
    /// Names that lead further down.
    pub folders: Vec<String>,
    /// Objects.
    pub objects: Vec<Listed>,
}

pub(super) async fn list(location: &Location) -> Result<Vec<Listed>, StoreError> {
    let mut listed = match (location.remote(), location.local_path()) {
        (Some(remote), _) => remote_objects(location, remote).await?,
        (_, Some(path)) => local_files(location, path)?,
        _ => Vec::new(),
    };
    listed.retain(|object| !object.name.ends_with(PARTIAL_SUFFIX));
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listed)
}

/// What lies directly below; at most one round trip for a thousand of them.
pub(super) async fn children(location: &Location) -> Result<Children, StoreError> {
    let mut children = match (location.remote(), location.local_path()) {
        (Some(remote), _) => remote_children(location, remote).await?,
        (_, Some(path)) => {
            let (location, path) = (location.clone(), path.to_owned());
            blocking(move || local_children(&location, &path)).await?
        }
        _ => Children::default(),
    };
    children
        .objects
        .retain(|object| !object.name.ends_with(PARTIAL_SUFFIX));
    children.objects.sort_by(|a, b| a.name.cmp(&b.name));
    children.folders.sort();
    Ok(children)
}

// A prefix is there if something is below it: object stores know no empty folder.
async fn remote_children(location: &Location, remote: &Remote) -> Result<Children, StoreError> {
    let not_found = || StoreError::NotFound {
        place: remote.shown.clone(),
    };
    if remote.access != Access::Full {
        return Err(not_found());
    }
    let found = remote
        .store
        .list_with_delimiter(Some(&remote.path))
        .await
        .map_err(|error| remote.error(error))?;
    check_count(&remote.shown, found.objects.len() + found.common_prefixes.len())?;
    let last = |path: &object_store::path::Path| path.filename().unwrap_or_default().to_owned();
    let object = |meta: &object_store::ObjectMeta| {
        let name = last(&meta.location);
        Listed {
            location: location.join(&name),
            bytes: meta.size,
            tag: remote_tag(meta),
            name,
        }
    };
    let children = Children {
        folders: found.common_prefixes.iter().map(last).collect(),
        objects: found.objects.iter().map(object).collect(),
    };
    if children.folders.is_empty() && children.objects.is_empty() {
        return Err(not_found());
    }
    Ok(children)
}

fn local_children(location: &Location, folder: &Path) -> Result<Children, StoreError> {
    let failed = |error| StoreError::local(folder, error);
    let mut children = Children::default();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        check_count(
            &location.to_string(),
            children.objects.len() + children.folders.len(),
        )?;
        let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), fs::metadata(entry.path())) else {
            continue;
        };
        if metadata.is_dir() {
            children.folders.push(name);
        } else if metadata.is_file() {
            children.objects.push(Listed {
                location: location.join(&name),
                name,
                bytes: metadata.len(),
                tag: local_tag(&metadata),
            });
        }
    }
    Ok(children)
}

pub(super) async fn tag(location: &Location) -> Result<String, StoreError> {
    match (location.remote(), location.local_path()) {
        (Some(remote), _) => {
            let meta = remote.store.head(&remote.path).await;
            Ok(remote_tag(&meta.map_err(|error| remote.error(error))?))
        }
        (_, Some(path)) => {
            let metadata = fs::metadata(path).map_err(|error| StoreError::local(path, error))?;
            Ok(local_tag(&metadata))
        }
        _ => Ok(String::new()),
    }
}

fn remote_tag(meta: &object_store::ObjectMeta) -> String {
    let tag = meta.e_tag.as_deref().unwrap_or_default();
    format!("{} {} {tag}", meta.size, meta.last_modified)
}

fn local_tag(metadata: &fs::Metadata) -> String {
    let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
    format!("{} {} {seconds}.{nanos}", metadata.len(), metadata.ino())
}

async fn remote_objects(location: &Location, remote: &Remote) -> Result<Vec<Listed>, StoreError> {
    let mut listed = Vec::new();
    if remote.access == Access::Full {
        let mut found = remote.store.list(Some(&remote.path));
        while let Some(meta) = found.try_next().await.map_err(|error| remote.error(error))? {
            check_count(&remote.shown, listed.len())?;
            let Some(parts) = meta.location.prefix_match(&remote.path) else {
                continue;
            };
            let name = parts
                .map(|part| part.as_ref().to_owned())
                .collect::<Vec<_>>()
                .join("/");
            if !name.is_empty() {
                listed.push(Listed {
                    location: location.join(&name),
                    name,
                    bytes: meta.size,
                    tag: remote_tag(&meta),
                });
            }
        }
    }
    if listed.is_empty() {
        let meta = remote
            .store
            .head(&remote.path)
            .await
            .map_err(|error| remote.error(error))?;
        let name = remote.path.filename().unwrap_or_default().to_owned();
        listed.push(Listed {
            name,
            location: location.clone(),
            bytes: meta.size,
            tag: remote_tag(&meta),
        });
    }
    Ok(listed)
}

fn local_files(location: &Location, path: &Path) -> Result<Vec<Listed>, StoreError> {
    let metadata = fs::metadata(path).map_err(|error| StoreError::local(path, error))?;
    let mut listed = Vec::new();
    if metadata.is_dir() {
        walk(location, path, "", 0, &mut listed)?;
    } else {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        listed.push(Listed {
            name,
            location: location.clone(),
            bytes: metadata.len(),
            tag: local_tag(&metadata),
        });
    }
    Ok(listed)
}

fn walk(
    location: &Location,
    folder: &Path,
    prefix: &str,
    depth: usize,
    listed: &mut Vec<Listed>,
) -> Result<(), StoreError> {
    let failed = |error| StoreError::local(folder, error);
    if depth > DEPTH_MAX {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        check_count(&location.to_string(), listed.len())?;
        // Names that are no text are no names of bundles; what vanished meanwhile is not there.
        let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
            continue;
        };
        let Ok(metadata) = fs::metadata(entry.path()) else {
            continue;
        };
        if metadata.is_dir() {
            walk(location, &entry.path(), &format!("{name}/"), depth + 1, listed)?;
        } else if metadata.is_file() {
            listed.push(Listed {
                location: location.join(&name),
                name,
                bytes: metadata.len(),
                tag: local_tag(&metadata),
            });
        }
    }
    Ok(())
}

fn check_count(place: &str, count: usize) -> Result<(), StoreError> {
    if count as u64 >= LISTED_MAX {
        let place = format!("the listing of {place}");
        return Err(StoreError::TooLarge {
            place,
            found: count as u64 + 1,
            limit: LISTED_MAX,
        });
    }
    Ok(())
}
