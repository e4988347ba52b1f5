//! Monotonic counters, one for each program and name. A step is on stable storage before the program learns of it.

use strongroom_crypto::digest::{Digest32, Sha256};

use crate::folder::{Folder, FolderError};

/// The value of a counter; 0 before its first step.
pub(crate) fn read(folder: &Folder, measurement: &Digest32, name: &str) -> Result<u64, FolderError> {
    let file = file(measurement, name);
    let Some(bytes) = folder.read(&file)? else {
        return Ok(0);
    };
    let value = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.trim_end().parse().ok());
    // A counter that reads as 0 again would hide a rollback, which is what it is there to show.
    value.ok_or_else(|| FolderError::Io {
        path: folder.path(&file),
        what: "understood",
        source: std::io::ErrorKind::InvalidData.into(),
    })
}

/// One step; returns the value after it.
pub(crate) fn advance(folder: &Folder, measurement: &Digest32, name: &str) -> Result<u64, FolderError> {
    let next = read(folder, measurement, name)?.saturating_add(1);
    folder.write(&file(measurement, name), format!("{next}\n").as_bytes())?;
    Ok(next)
}

/// The name enters as a digest: what a caller writes never becomes part of a path.
fn file(measurement: &Digest32, name: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(measurement.as_bytes());
    hasher.update(name.as_bytes());
    format!("counter-{}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_for_each_program_and_name_and_survives_a_restart() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let path = parent.path().join("platform");
        let (one, two) = (Digest32([1; 32]), Digest32([2; 32]));
        {
            let folder = Folder::open(&path).expect("a new folder");
            assert_eq!(advance(&folder, &one, "epoch").expect("a step"), 1);
            assert_eq!(advance(&folder, &one, "epoch").expect("a step"), 2);
            assert_eq!(advance(&folder, &two, "epoch").expect("a step"), 1);
        }
        let folder = Folder::open(&path).expect("the same folder");
        assert_eq!(read(&folder, &one, "epoch").expect("a value"), 2);
        assert_eq!(read(&folder, &two, "epoch").expect("a value"), 1);
        assert_eq!(read(&folder, &one, "other").expect("a value"), 0);
    }

    #[test]
    fn a_broken_counter_does_not_start_again() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let folder = Folder::open(&parent.path().join("platform")).expect("a new folder");
        let one = Digest32([1; 32]);
        advance(&folder, &one, "epoch").expect("a step");
        folder.write(&file(&one, "epoch"), b"").expect("writable");
        assert!(read(&folder, &one, "epoch").is_err());
        assert!(advance(&folder, &one, "epoch").is_err());
    }
}
