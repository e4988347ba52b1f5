//! Endorsements from files and folders.

use std::path::{Path, PathBuf};

use strongroom_attest::Endorsements;

use crate::error::Error;
use crate::files;

/// Endorsements that were read, and what of a folder was none.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// What was read.
    pub endorsements: Endorsements,
    /// Files of a folder that are no endorsements, and do not look as if they should be.
    pub passed_over: Vec<PathBuf>,
}

/// Most files of one folder.
const FILES_MAX: usize = Endorsements::COUNT_MAX;

/// File names that promise a certificate, a revocation list or collateral.
const PROMISING: [&str; 6] = ["pem", "der", "crl", "crt", "cer", "ca"];

/// Reads endorsements: files as they are, and of each folder the regular files in it (not those of folders below).
///
/// A file that is named must be an endorsement. In a folder other things may lie as well, so a file there is passed over if
/// neither its name nor its content promises one; a damaged certificate or revocation list is never passed over.
///
/// # Errors
/// [`Error::Input`] that names the file.
pub fn gather(paths: &[PathBuf]) -> Result<Gathered, Error> {
    let mut gathered = Gathered::default();
    for path in paths {
        if path.is_dir() {
            for file in files_of(path)? {
                let bytes = read(&file)?;
                if gathered.endorsements.add(&bytes).is_ok() {
                    continue;
                }
                if promises_an_endorsement(&file, &bytes) {
                    return Err(refused(&file, &bytes));
                }
                gathered.passed_over.push(file);
            }
        } else {
            let bytes = read(path)?;
            let added = gathered.endorsements.add(&bytes);
            added.map_err(|_| refused(path, &bytes))?;
        }
    }
    Ok(gathered)
}

/// The regular files of a folder, in the order of their names.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |error: std::io::Error| files::unusable(folder, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !path.is_file() {
            continue;
        }
        if found.len() == FILES_MAX {
            let why = format!("more than {FILES_MAX} files");
            return Err(Error::input(folder.display().to_string(), why));
        }
        found.push(path);
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    files::read_input(path, Endorsements::BYTES_MAX as u64)
}

fn refused(path: &Path, bytes: &[u8]) -> Error {
    let why = strongroom_attest::NotAnEndorsement.to_string();
    Error::input(
        path.display().to_string(),
        super::examination::as_text(bytes, why),
    )
}

fn promises_an_endorsement(path: &Path, bytes: &[u8]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let by_name = extension.is_some_and(|extension| {
        let extension = extension.to_ascii_lowercase();
        PROMISING.contains(&extension.as_str())
    });
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    by_name || has(b"-----BEGIN ") || has(b"\"tcb_info\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_may_hold_other_things_and_no_damaged_endorsement() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let gather_all = || gather(&[folder.path().to_owned()]);
        std::fs::write(at("quote.bin"), [1, 2, 3]).unwrap();
        std::fs::write(at("info.json"), b"{}").unwrap();
        std::fs::create_dir(at("below")).unwrap();
        std::fs::write(at("below/broken.pem"), b"-----BEGIN CERTIFICATE-----\n").unwrap();
        assert_eq!(
            gather_all().unwrap().passed_over,
            [at("info.json"), at("quote.bin")]
        );

        for (name, bytes) in [
            ("cut.CRL", &b"\x30\x82"[..]),
            ("cut", b"-----BEGIN CERTIFICATE-----\nMII\n"),
            ("cut.json", b"{\"tcb_info\": "),
        ] {
            std::fs::write(at(name), bytes).unwrap();
            let error = gather_all().unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(error.code(), "input.invalid");
            std::fs::remove_file(at(name)).unwrap();
        }
        // What is named itself must be one.
        let named = gather(&[at("info.json")]).unwrap_err();
        assert!(named.to_string().contains("info.json: no endorsement"), "{named}");
        let gone = gather(&[at("gone.pem")]).unwrap_err();
        assert!(gone.to_string().contains("gone.pem"), "{gone}");
        assert_eq!(gone.code(), "input.invalid");
    }

    #[test]
    fn a_folder_without_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        for index in 0..=FILES_MAX {
            std::fs::write(folder.path().join(index.to_string()), b"").unwrap();
        }
        let error = gather(&[folder.path().to_owned()]).unwrap_err();
        assert!(error.to_string().contains("more than 256 files"), "{error}");
    }
}
