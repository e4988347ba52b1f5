//! Where a TPM is.

use std::convert::Infallible;
use std::fmt;
use std::fs::DirEntry;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::files::System;

/// Where a TPM is: a device or a Unix socket by its path, or `tcp:HOST:PORT` for a software TPM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TpmAddress {
    /// A character device, or a Unix socket: opening shows which.
    Path(PathBuf),
    /// A TCP socket, as `HOST:PORT`.
    Tcp(String),
}

impl TpmAddress {
    /// The kernel's device with a resource manager.
    pub const DEVICE: &'static str = "/dev/tpmrm0";
    /// How a TCP address begins.
    const TCP: &'static str = "tcp:";

    /// The files by which a program on this machine reaches the TPM: the address, and every device of a TPM beside it.
    pub(crate) fn devices(&self) -> Vec<PathBuf> {
        let Self::Path(path) = self else {
            return Vec::new();
        };
        let is_device = |entry: &DirEntry| {
            let name = entry.file_name();
            let is_character = entry.file_type().is_ok_and(|kind| kind.is_char_device());
            is_character && name.as_encoded_bytes().starts_with(b"tpm")
        };
        let listed = path.parent().and_then(|folder| std::fs::read_dir(folder).ok());
        let entries = listed
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .filter(is_device);
        let mut devices: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        if !devices.contains(path) {
            devices.push(path.clone());
        }
        devices
    }

    /// The same TPM, reached however this process's mounts change as long as `system` lives.
    pub(crate) fn through(&self, system: &System) -> io::Result<Self> {
        Ok(match self {
            Self::Path(path) => Self::Path(system.at(&std::fs::canonicalize(path)?)),
            Self::Tcp(address) => Self::Tcp(address.clone()),
        })
    }

    /// The address as a path, for messages.
    #[must_use]
    pub fn as_path(&self) -> PathBuf {
        match self {
            Self::Path(path) => path.clone(),
            Self::Tcp(address) => Path::new(Self::TCP).join(address),
        }
    }
}

impl Default for TpmAddress {
    fn default() -> Self {
        Self::Path(Self::DEVICE.into())
    }
}

impl FromStr for TpmAddress {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix(Self::TCP) {
            Some(address) => Self::Tcp(address.to_owned()),
            None => Self::Path(text.into()),
        })
    }
}

impl fmt::Display for TpmAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Tcp(address) => write!(f, "{}{address}", Self::TCP),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_path_or_says_tcp() {
        let parse = |text: &str| text.parse::<TpmAddress>().expect("anything is an address");
        assert_eq!(parse("/dev/tpmrm0"), TpmAddress::default());
        assert_eq!(
            parse("tcp:localhost:2321"),
            TpmAddress::Tcp("localhost:2321".to_owned())
        );
        for text in ["/run/tpm.sock", "tcp:127.0.0.1:1"] {
            assert_eq!(parse(text).to_string(), text);
        }
    }
}
