//! Workload descriptions as their authors handle them: measuring programs, drafting, the digest for the manifest.

use std::path::Path;

use serde::Serialize;
use strongroom_crypto::digest::{Digest32, Sha256};
pub use strongroom_workload::{Argv, Description, Draft, DraftCoordinator, Measured, ReportData};

use crate::error::Error;
use crate::files;

/// Bytes hashed at once.
const READ_BYTES: usize = 1024 * 1024;

/// SHA-256 of a file, of any size.
///
/// # Errors
/// [`Error::File`].
pub fn measure(path: &Path) -> Result<Digest32, Error> {
    use std::io::Read as _;
    let failed = |source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hasher.finish()),
            found => hasher.update(&buffer[..found]),
        }
    }
}

/// A description, and the digest that a manifest's package names as one of its `Workloads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measurement {
    /// Digest of the description.
    pub digest: Digest32,
    /// The program's path.
    pub program: String,
    /// SHA-256 of the program's bytes, as the description states it.
    pub program_digest: Digest32,
}

/// Reads and checks a description, and computes its digest.
///
/// # Errors
/// [`Error::File`], [`Error::Workload`].
pub fn digest(path: &Path) -> Result<Measurement, Error> {
    let description = Description::parse(&files::read(path)?)?;
    Ok(Measurement {
        digest: description.digest(),
        program: description.program().path().to_owned(),
        program_digest: description.program().digest(),
    })
}

/// Drafts a description: the program and further files are hashed where they lie now, and named by the path they will
/// have.
///
/// # Errors
/// [`Error::File`], [`Error::Workload`].
pub fn draft(
    program: &Path,
    files: &[impl AsRef<Path>],
    coordinator: DraftCoordinator,
) -> Result<Draft, Error> {
    let measured = |path: &Path| Ok::<_, Error>(Measured::new(path.display().to_string(), measure(path)?));
    let mut draft = Draft::new(measured(program)?, coordinator);
    draft.files = files
        .iter()
        .map(|path| measured(path.as_ref()))
        .collect::<Result<_, _>>()?;
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::digest::sha256;

    use super::*;

    #[test]
    fn a_draft_is_checked_and_measured() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, b"program").unwrap();
        let mut draft = draft(&program, &[] as &[&Path], DraftCoordinator::Unverified).unwrap();
        assert_eq!(draft.program.digest(), sha256(b"program"));
        draft.argv = Argv::Fixed(vec!["program".to_owned(), "--port=1".to_owned()]);
        let file = folder.path().join("workload.json");
        std::fs::write(&file, draft.to_json()).unwrap();
        let measured = digest(&file).unwrap();
        assert_eq!(measured.digest, draft.check().unwrap().digest());
        assert_eq!(measured.program_digest, sha256(b"program"));

        std::fs::write(&file, draft.to_json().replace("\"argv\"", "\"argw\"")).unwrap();
        let error = digest(&file).unwrap_err();
        assert_eq!(
            (error.code(), error.kind()),
            ("workload.unknown_field", crate::Kind::Usage)
        );
        assert_eq!(measure(folder.path()).unwrap_err().code(), "file.failed");
    }
}
