//! RTMR3, as a measurement register of the kernel (Linux 6.16, `Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest`).

use std::path::Path;

use strongroom_crypto::digest::sha384;

use super::file;
use crate::error::AttesterError;
use crate::files::{Files, read_if_there};
use crate::platform::measured::Register;

/// RTMR3, as the kernel shows it.
pub(super) struct Rtmr3<'a>(&'a dyn Files);

impl<'a> Rtmr3<'a> {
    /// Where the kernel offers it.
    pub(super) fn find(files: &'a dyn Files) -> Result<Option<Self>, AttesterError> {
        let path = Path::new(PATH);
        let found = read_if_there(files, path, RTMR_BYTES).map_err(file(path))?;
        Ok(found.map(|_| Self(files)))
    }
}

impl Register for Rtmr3<'_> {
    fn name(&self) -> &'static str {
        "RTMR3"
    }

    fn value(&mut self) -> Result<Vec<u8>, AttesterError> {
        let path = Path::new(PATH);
        let value = self.0.read(path, RTMR_BYTES).map_err(file(path))?;
        if value.len() == RTMR_BYTES {
            Ok(value)
        } else {
            Err(AttesterError::Protocol {
                path: path.to_owned(),
                what: "the register has not 48 bytes",
            })
        }
    }

    fn extend(&mut self, event: &[u8]) -> Result<(), AttesterError> {
        let path = Path::new(PATH);
        self.0.write(path, &sha384(event)).map_err(file(path))
    }

    fn after(&self, value: &[u8], event: &[u8]) -> Vec<u8> {
        sha384(&[value, &sha384(event)].concat()).to_vec()
    }
}

pub(crate) const PATH: &str = "/sys/devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384";
const RTMR_BYTES: usize = 48;
