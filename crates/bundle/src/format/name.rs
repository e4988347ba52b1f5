//! Which names a file in a bundle may have: relative paths that mean the same everywhere and lead nowhere else.

use super::{NAME_BYTES_MAX, NAME_PART_BYTES_MAX};
use crate::error::BundleError;

/// Folder of the files that Strongroom itself puts into a bundle.
pub const RESERVED_PREFIX: &str = ".strongroom/";
/// Reference inputs and outputs, against which a server checks a model when it loads it.
pub const REFERENCE_NAME: &str = ".strongroom/reference.json";

/// # Errors
/// [`BundleError::Name`] with the rule that the name breaks.
pub(crate) fn check(name: &str) -> Result<(), BundleError> {
    let refuse = |why| {
        Err(BundleError::Name {
            name: name.to_owned(),
            why,
        })
    };
    if name.is_empty() {
        return refuse("it is empty");
    }
    if name.len() > NAME_BYTES_MAX {
        return refuse("it is longer than 1024 bytes");
    }
    if name.chars().any(char::is_control) {
        return refuse("it holds a control character");
    }
    if name.contains('\\') {
        return refuse("it holds a backslash");
    }
    for part in name.split('/') {
        match part {
            "" => {
                return refuse("a part of it is empty: it begins or ends with a slash, or has two in a row");
            }
            "." | ".." => return refuse("a part of it is . or .."),
            part if part.len() > NAME_PART_BYTES_MAX => {
                return refuse("a part of it is longer than 255 bytes");
            }
            _ => {}
        }
    }
    if name.starts_with(RESERVED_PREFIX) && name != REFERENCE_NAME || name == ".strongroom" {
        return refuse("names below .strongroom/ are reserved");
    }
    Ok(())
}

/// Checks each name of a list and the list: ascending order of bytes, no name twice, none both file and folder.
///
/// # Errors
/// [`BundleError::Name`] or [`BundleError::Table`].
pub(crate) fn check_all<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Result<(), BundleError> {
    let mut previous: Option<&str> = None;
    for name in names.clone() {
        check(name)?;
        match previous {
            Some(before) if before == name => {
                return Err(BundleError::Name {
                    name: name.to_owned(),
                    why: "it stands there twice",
                });
            }
            Some(before) if before > name => {
                return Err(BundleError::Table {
                    what: "names are not in ascending order",
                });
            }
            _ => previous = Some(name),
        }
    }
    let files: std::collections::HashSet<&str> = names.clone().collect();
    for name in names {
        let folders = name.match_indices('/').map(|(at, _)| &name[..at]);
        if folders.into_iter().any(|folder| files.contains(folder)) {
            return Err(BundleError::Name {
                name: name.to_owned(),
                why: "its folder is a file as well",
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_every_name_that_could_lead_elsewhere() {
        for good in [
            "model.onnx",
            "variables/variables.index",
            "…",
            "a b",
            "..a",
            REFERENCE_NAME,
            &"x".repeat(255),
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        let long_part = "x".repeat(256);
        let long = "x/".repeat(513) + "x";
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "a/",
            "a//b",
            ".",
            "..",
            "../a",
            "a/../b",
            "a/./b",
            "a\\b",
            "a\0b",
            "a\nb",
            "a\u{85}b",
            ".strongroom/other",
            ".strongroom",
            &long_part,
            &long,
        ] {
            assert_eq!(check(bad).unwrap_err().code(), "bundle.name", "{bad:?}");
        }
    }

    #[test]
    fn refuses_lists_that_are_no_set_of_files() {
        let code = |names: &[&str]| check_all(names.iter().copied()).map_err(|error| error.code());
        assert_eq!(code(&["a", "a!", "b/c"]), Ok(()));
        assert_eq!(code(&["a", "a"]), Err("bundle.name"));
        assert_eq!(code(&["b", "a"]), Err("bundle.table"));
        assert_eq!(code(&["a", "a!", "a/b"]), Err("bundle.name"));
    }
}
