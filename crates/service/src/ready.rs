//! The file by which a program tells whoever started it that it is ready, and where it listens.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Writes `contents` as JSON to `path`, in one step: a reader sees nothing or all of it.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_ready_file(path: &Path, contents: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(contents)?;
    text.push(b'\n');
    let temporary = temporary_beside(path)?;
    let mut file = File::create(&temporary)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "ready file has no name"))?;
    let mut temporary = name.to_os_string();
    temporary.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(temporary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("ready.json");
        fs::write(&path, "old").expect("write");
        write_ready_file(&path, &serde_json::json!({"client_addr": "127.0.0.1:1"})).expect("write");
        assert_eq!(
            fs::read_to_string(&path).expect("read"),
            "{\"client_addr\":\"127.0.0.1:1\"}\n"
        );
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
    }
}
