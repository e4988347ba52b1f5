//! What vendors sign about platforms, as files: collateral, certificates, revocation lists.

use std::path::{Path, PathBuf};

use strongroom_attest::{EndorsementError, Endorsements, NotAnEndorsement};

use crate::error::Error;
use crate::files;

/// Most files that are read from one folder.
pub const FILES_MAX: usize = 256;

/// Endorsements that were read, and what of a folder was none.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// What was read.
    pub endorsements: Endorsements,
    /// Files of a folder that are no endorsements, and do not look as if they should be.
    pub passed_over: Vec<PathBuf>,
}

/// File names that promise a certificate, a revocation list or collateral.
const PROMISING: [&str; 6] = ["pem", "der", "crl", "crt", "cer", "ca"];

/// Reads files, and all files of folders (in the order of their names, without folders inside and hidden files). Every
/// one has to be an endorsement.
///
/// # Errors
/// [`Error::Input`] for a file that cannot be read or is no endorsement, and for a folder with more than [`FILES_MAX`].
pub fn load(paths: &[PathBuf]) -> Result<Endorsements, Error> {
    let gathered = gather(paths)?;
    match gathered.passed_over.first() {
        None => Ok(gathered.endorsements),
        Some(file) => Err(Error::input(file.display().to_string(), NotAnEndorsement)),
    }
}

/// The same for evidence that is only looked at, where a folder may hold other things beside endorsements: a file there is
/// passed over if neither its name nor its content promises one. A damaged certificate, revocation list or collateral
/// never is, nor is a file that is named itself.
///
/// # Errors
/// As [`load`].
pub fn gather(paths: &[PathBuf]) -> Result<Gathered, Error> {
    let mut gathered = Gathered::default();
    for path in paths {
        if path.is_dir() {
            for file in files_in(path)? {
                let bytes = read_bytes(&file)?;
                match gathered.endorsements.add(&bytes) {
                    Ok(()) => {}
                    Err(EndorsementError::Other(_)) if !promises_an_endorsement(&file, &bytes) => {
                        gathered.passed_over.push(file);
                    }
                    Err(why) => return Err(refused(&file, &bytes, why)),
                }
            }
        } else {
            let bytes = read_bytes(path)?;
            let added = gathered.endorsements.add(&bytes);
            added.map_err(|why| refused(path, &bytes, why))?;
        }
    }
    Ok(gathered)
}

/// Reads one endorsement as it is to be sent to a coordinator.
///
/// # Errors
/// As [`load`].
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = read_bytes(path)?;
    let read = Endorsements::none().add(&bytes);
    read.map_err(|why| refused(path, &bytes, why))?;
    Ok(bytes)
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    files::read_input(path, Endorsements::BYTES_MAX as u64)
}

fn refused(path: &Path, bytes: &[u8], why: EndorsementError) -> Error {
    let why = files::as_text(bytes, why.to_string());
    Error::input(path.display().to_string(), why)
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

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |error: std::io::Error| files::unusable(folder, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if !entry.file_name().as_encoded_bytes().starts_with(b".") && path.is_file() {
            found.push(path);
        }
        if found.len() > FILES_MAX {
            let why = format!("it holds more than {FILES_MAX} files");
            return Err(Error::input(folder.display().to_string(), why));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_read_and_what_is_no_endorsement_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let collateral = folder.path().join("collateral.json");
        std::fs::write(&collateral, br#"{"tcb_info": "{}"}"#).unwrap();
        std::fs::write(folder.path().join(".hidden"), b"").unwrap();
        for given in [folder.path().to_owned(), collateral.clone()] {
            let endorsements = load(&[given]).unwrap();
            assert_eq!(endorsements.collateral().count(), 1);
        }
        std::fs::write(folder.path().join("readme.txt"), b"hello").unwrap();
        let error = load(&[folder.path().to_owned()]).unwrap_err();
        assert!(error.to_string().contains("readme.txt"), "{error}");
        assert_eq!(error.code(), "input.invalid");
        assert_eq!(
            read(&folder.path().join("readme.txt")).unwrap_err().code(),
            "input.invalid"
        );
        assert!(read(&collateral).is_ok());
    }

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
        assert!(error.to_string().contains("holds more than 256 files"), "{error}");
    }
}
