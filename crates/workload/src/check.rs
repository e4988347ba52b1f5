//! The rules for single values: paths and names of environment variables.

use crate::error::Problem;

/// Whether a variable makes the dynamic linker or libc load or interpret what its value names. Such variables never
/// reach a workload, whoever sends them.
#[must_use]
pub fn loads_code(name: &str) -> bool {
    name.starts_with("LD_")
        || matches!(
            name,
            "GLIBC_TUNABLES" | "GCONV_PATH" | "GETCONF_DIR" | "LOCPATH" | "NLSPATH"
        )
}

/// Whether a text is an absolute path in one spelling only: no `.`, `..`, empty component, control character or trailing
/// slash.
#[must_use]
pub fn is_plain_path(text: &str) -> bool {
    path(text, Directory::No).is_ok()
}

/// An absolute path in one spelling only: no `.`, `..`, empty component or control character. `Directory` allows (and
/// `File` refuses) a trailing slash.
pub(crate) fn path(text: &str, may_be: Directory) -> Result<(), Problem> {
    let plain = match may_be {
        Directory::WithSlash => text.strip_suffix('/').unwrap_or(text),
        Directory::No => text,
    };
    if text.len() > PATH_MAX {
        return Err(Problem::TooLarge {
            what: "bytes of a path",
            max: PATH_MAX,
        });
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::Path("control characters"));
    }
    let Some(relative) = plain.strip_prefix('/') else {
        return Err(Problem::Path("it does not begin with `/`"));
    };
    match relative.split('/').find(|part| matches!(*part, "" | "." | "..")) {
        None => Ok(()),
        Some("") => Err(Problem::Path("an empty component")),
        Some(_) => Err(Problem::Path("`.` and `..` are not resolved")),
    }
}

/// Whether a path may name a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Directory {
    /// A trailing slash makes it one.
    WithSlash,
    /// It names one thing.
    No,
}

/// A name that the host or the coordinator may set at all.
pub(crate) fn variable(name: &str) -> Result<(), Problem> {
    let mut characters = name.chars();
    let starts = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if !starts || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_') || name.len() > NAME_MAX {
        return Err(Problem::EnvironmentName);
    }
    if loads_code(name) {
        return Err(Problem::EnvironmentForbidden(
            "it makes the linker or libc load code",
        ));
    }
    Ok(())
}

/// A name that the host may set: none of those by which the launcher tells the program its identity.
pub(crate) fn host_variable(name: &str) -> Result<(), Problem> {
    variable(name)?;
    if name.starts_with("MARBLE_PREDEFINED_")
        || matches!(
            name,
            "MARBLE_TTLS_CONFIG" | "STRONGROOM_PRIVATE_KEY_FILE" | "STRONGROOM_PROVISION_FILE"
        )
    {
        return Err(Problem::EnvironmentForbidden("the launcher sets it"));
    }
    Ok(())
}

const PATH_MAX: usize = 4095;
const NAME_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for good in ["/a", "/a/b.c", "/a/...", "/opt/x y"] {
            assert_eq!(path(good, Directory::No), Ok(()), "{good}");
        }
        for bad in [
            "", "/", "a", "./a", "/a/", "/a//b", "/a/./b", "/a/../b", "/..", "/a\0b", "/a\nb",
        ] {
            assert!(path(bad, Directory::No).is_err(), "{bad}");
        }
        assert_eq!(path("/a/", Directory::WithSlash), Ok(()));
        assert!(path("/", Directory::WithSlash).is_err());
        assert!(path("/a//", Directory::WithSlash).is_err());
    }

    #[test]
    fn variables() {
        for good in ["A", "_a1", "RUST_LOG", "LDX"] {
            assert_eq!(variable(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "1A",
            "A=B",
            "A B",
            "Ä",
            "LD_PRELOAD",
            "LD_AUDIT",
            "LD_LIBRARY_PATH",
            "GLIBC_TUNABLES",
        ] {
            assert!(variable(bad).is_err(), "{bad}");
        }
        for bad in ["MARBLE_PREDEFINED_ROOT_CA", "STRONGROOM_PROVISION_FILE"] {
            assert_eq!(variable(bad), Ok(()), "{bad}");
            assert!(host_variable(bad).is_err(), "{bad}");
        }
    }
}
