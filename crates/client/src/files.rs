//! Files of the person at the keyboard: bounded reads, and writes that are whole or not at all.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use strongroom_crypto::secret::SecretBytes;

use crate::error::Error;

/// Largest file that is read whole, in bytes: policies, manifests, inputs.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Largest secret that is read from a file, in bytes.
pub const SECRET_BYTES_MAX: u64 = 1024 * 1024;

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Its owner alone (mode 0600).
    Secret,
    /// Everybody (mode 0644).
    Public,
}

/// Whether a file that is there already may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the write is refused.
    Keep,
    /// It goes.
    Replace,
}

/// Reads a file; `-` is standard input.
///
/// # Errors
/// [`Error::File`], [`Error::Input`] where it is too large.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    read_at_most(path, FILE_BYTES_MAX)
}

/// Reads a text file; `-` is standard input.
///
/// # Errors
/// As [`read`], and [`Error::Input`] where it is no UTF-8.
pub fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|_| Error::input(path.display().to_string(), "no UTF-8 text"))
}

/// Reads a secret; `-` is standard input.
///
/// # Errors
/// As [`read`].
pub fn read_secret(path: &Path) -> Result<SecretBytes, Error> {
    read_at_most(path, SECRET_BYTES_MAX).map(SecretBytes::new)
}

/// Reads a file that a command is about. That it cannot be read is the caller's mistake, as any other wrong argument.
pub(crate) fn read_input(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Error> {
    read_at_most(path, bytes_max).map_err(|error| match error {
        Error::File { source, .. } => unusable(path, &source),
        other => other,
    })
}

/// The error of an input that cannot be read.
pub(crate) fn unusable(path: &Path, error: &std::io::Error) -> Error {
    Error::input(path.display().to_string(), format!("cannot be read: {error}"))
}

/// Fewer characters are as likely a word as encoded bytes.
const ENCODED_BYTES_MIN: usize = 64;

/// The sentence, and that the bytes are themselves written as text, if they are: a common mistake.
pub(crate) fn as_text(bytes: &[u8], why: String) -> String {
    let all = |is: fn(&u8) -> bool| bytes.iter().all(|byte| byte.is_ascii_whitespace() || is(byte));
    let encoding = if bytes.len() < ENCODED_BYTES_MIN {
        return why;
    } else if all(u8::is_ascii_hexdigit) {
        "hexadecimal"
    } else if all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte)) {
        "base64"
    } else {
        return why;
    };
    format!("{why}; it looks like {encoding} text: decode it, only the bytes themselves are read")
}

fn read_at_most(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let mut source: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    // Room for the whole from the start, where a file says its size: a secret leaves no copies behind by growing.
    let mut bytes = Vec::with_capacity(std::fs::metadata(path).map_or(4096, |file| {
        usize::try_from(file.len().min(bytes_max))
            .unwrap_or(0)
            .saturating_add(1)
    }));
    source
        .by_ref()
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Error::input(
            path.display().to_string(),
            format!("larger than {bytes_max} bytes"),
        ));
    }
    Ok(bytes)
}

/// Whether others than its owner may read or change the file. What is no file (a pipe, standard input) is not judged.
#[must_use]
pub fn is_open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o066 != 0)
}

/// Writes a file: under another name first, then renamed, so that nobody ever sees half of it.
///
/// # Errors
/// [`Error::File`], [`Error::Exists`].
pub fn write(path: &Path, bytes: &[u8], visibility: Visibility, existing: Existing) -> Result<(), Error> {
    let failed = |source| Error::File {
        action: "write",
        path: path.to_owned(),
        source,
    };
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // A temporary file is born with mode 0600, so a secret is never open to others, not even for a moment.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    if visibility == Visibility::Public {
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o644))
            .map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    match existing {
        Existing::Replace => file.persist(path).map_err(|error| failed(error.error))?,
        Existing::Keep => file.persist_noclobber(path).map_err(|error| {
            if error.error.kind() == std::io::ErrorKind::AlreadyExists {
                Error::Exists(path.to_owned())
            } else {
                failed(error.error)
            }
        })?,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_for_their_owner_and_nothing_is_lost_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, b"secret", Visibility::Secret, Existing::Keep).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let again = write(&path, b"other", Visibility::Secret, Existing::Keep).unwrap_err();
        assert_eq!(again.code(), "file.exists");
        assert_eq!(read(&path).unwrap(), b"secret");
        write(&path, b"other", Visibility::Public, Existing::Replace).unwrap();
        assert_eq!(read(&path).unwrap(), b"other");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o644
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_may_read_or_change_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, b"secret").unwrap();
        for (mode, open) in [
            (0o600, false),
            (0o400, false),
            (0o640, true),
            (0o604, true),
            (0o620, true),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_open_to_others(&path), open, "{mode:o}");
        }
        assert!(!is_open_to_others(folder.path()));
        assert!(!is_open_to_others(Path::new("-")));
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big");
        std::fs::write(&path, [0; 100]).unwrap();
        assert_eq!(read_at_most(&path, 99).unwrap_err().code(), "input.invalid");
        assert_eq!(read_at_most(&path, 100).unwrap().len(), 100);
        assert_eq!(
            read(&folder.path().join("gone")).unwrap_err().code(),
            "file.failed"
        );
    }

    #[test]
    fn bytes_written_as_text_are_recognised() {
        let why = |bytes: &[u8]| as_text(bytes, "no".to_owned());
        assert!(why(&b"00aAfF\n".repeat(20)).contains("hexadecimal"));
        assert!(why(&b"AQIDzz+/\n".repeat(20)).contains("base64"));
        assert_eq!(why(&[0; 100]), "no");
        assert_eq!(why(b"abcdef"), "no");
        assert_eq!(why(&b"{\"a\": 1}".repeat(20)), "no");
    }
}
