//! `/dev/sev-guest`: requests of the guest message protocol (Linux `uapi/linux/sev-guest.h`; SEV-SNP firmware ABI 1.55
//! §7.3).

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use rustix::ioctl::{Updater, ioctl, opcode};

use super::DEVICE;
use crate::error::AttesterError;

/// What is asked: `MSG_REPORT_REQ`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) report_data: [u8; 64],
    /// The level that the report is to name, 0 to 3.
    pub(super) vmpl: u32,
}

/// What the firmware answers: `MSG_REPORT_RSP`, and the host's table of certificates.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) response: Vec<u8>,
    pub(super) certificates: Vec<u8>,
}

/// Something that passes requests to the firmware.
pub(super) trait Guest: fmt::Debug + Send + Sync {
    fn ask(&self, request: &Request) -> io::Result<Answer>;
}

/// The report, and the table of certificates. Below a paravisor the firmware refuses level 0, and the levels that are
/// not ours: the lowest that it takes is the own one.
pub(super) fn report(guest: &dyn Guest, report_data: &[u8; 64]) -> Result<(Vec<u8>, Vec<u8>), AttesterError> {
    let protocol = |what| AttesterError::Protocol {
        path: DEVICE.into(),
        what,
    };
    for vmpl in VMPLS {
        let request = Request {
            report_data: *report_data,
            vmpl,
        };
        let answer = guest.ask(&request).map_err(|source| AttesterError::Unreachable {
            path: DEVICE.into(),
            source,
        })?;
        let number = |at: usize| {
            let bytes = answer.response.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*bytes))
        };
        match number(STATUS) {
            Some(SUCCESS) => {}
            Some(INVALID_PARAMETER) => continue,
            _ => return Err(protocol("the firmware refuses to make a report")),
        }
        let size = number(SIZE).and_then(|size| usize::try_from(size).ok());
        let report = size.and_then(|size| answer.response.get(REPORT..)?.get(..size));
        let report = report.ok_or_else(|| protocol("its report is cut short"))?;
        return Ok((report.to_vec(), answer.certificates));
    }
    Err(protocol("the firmware makes a report for no privilege level"))
}

/// The kernel's device.
#[derive(Debug)]
pub(super) struct SevGuest(File);

impl SevGuest {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().read(true).write(true).open(path)?))
    }
}

impl Guest for SevGuest {
    #[expect(
        unsafe_code,
        reason = "there is no safe way to call a device of one's own protocol"
    )]
    fn ask(&self, request: &Request) -> io::Result<Answer> {
        let mut response = Box::new([0_u8; RESPONSE_BYTES]);
        let mut certificates = Box::new([0_u8; CERTIFICATES_BYTES]);
        let question = ExtendedReportRequest {
            report_data: request.report_data,
            vmpl: request.vmpl,
            reserved: [0; 28],
            certificates: address(certificates.as_mut_ptr()),
            certificates_length: u32::try_from(CERTIFICATES_BYTES).unwrap_or_default(),
        };
        let mut call = Call {
            message_version: 1,
            request: address(&raw const question),
            response: address(response.as_mut_ptr()),
            error: 0,
        };
        // SAFETY: opcode and structures are those of `uapi/linux/sev-guest.h`. The kernel reads `question` and writes at
        // most the stated lengths into the two buffers; all of them live until the call is over.
        unsafe { ioctl(&self.0, Updater::<GET_EXTENDED_REPORT, Call>::new(&mut call)) }?;
        Ok(Answer {
            response: response.to_vec(),
            certificates: certificates.to_vec(),
        })
    }
}

fn address<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64
}

/// `struct snp_ext_report_req`.
#[repr(C)]
struct ExtendedReportRequest {
    report_data: [u8; 64],
    vmpl: u32,
    reserved: [u8; 28],
    certificates: u64,
    certificates_length: u32,
}

/// `struct snp_guest_request_ioctl`.
#[repr(C)]
struct Call {
    message_version: u8,
    request: u64,
    response: u64,
    error: u64,
}

/// `SNP_GET_EXT_REPORT`.
const GET_EXTENDED_REPORT: u32 = opcode::read_write::<Call>(b'S', 2);
const RESPONSE_BYTES: usize = 4000;
/// The most that the kernel takes (`SEV_FW_BLOB_MAX_SIZE`).
const CERTIFICATES_BYTES: usize = 0x4000;
const VMPLS: std::ops::RangeInclusive<u32> = 0..=3;
const STATUS: usize = 0;
const SIZE: usize = 4;
const REPORT: usize = 32;
const SUCCESS: u32 = 0;
const INVALID_PARAMETER: u32 = 0x16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_kernels_layout() {
        assert_eq!(size_of::<Call>(), 32);
        assert_eq!(std::mem::offset_of!(Call, request), 8);
        assert_eq!(size_of::<ExtendedReportRequest>(), 112);
        assert_eq!(std::mem::offset_of!(ExtendedReportRequest, certificates), 96);
        assert_eq!(GET_EXTENDED_REPORT, 0xC020_5302);
    }

    /// Answers with this status, size and number of bytes for one level, and refuses the others.
    #[derive(Debug)]
    struct Recorded {
        own: u32,
        status: u32,
        size: u32,
        bytes: usize,
    }

    impl Guest for Recorded {
        fn ask(&self, request: &Request) -> io::Result<Answer> {
            let status = if request.vmpl == self.own {
                self.status
            } else {
                INVALID_PARAMETER
            };
            let head = [&status.to_le_bytes()[..], &self.size.to_le_bytes(), &[0; 24]].concat();
            Ok(Answer {
                response: [head, vec![7; self.bytes]].concat(),
                certificates: b"table".to_vec(),
            })
        }
    }

    #[test]
    fn the_report_is_of_the_own_level_and_whole() {
        let asked = |own, status, size, bytes| {
            let guest = Recorded {
                own,
                status,
                size,
                bytes,
            };
            report(&guest, &[1; 64]).map_err(|error| error.to_string())
        };
        for own in 0..4 {
            assert_eq!(asked(own, 0, 5, 9), Ok((vec![7; 5], b"table".to_vec())));
        }
        let refused = |own, status, size, bytes, what: &str| {
            let error = asked(own, status, size, bytes).expect_err(what);
            assert!(error.contains(what), "{error}");
        };
        refused(4, 0, 5, 9, "no privilege level");
        refused(0, 0x27, 5, 9, "refuses");
        refused(0, 0, 10, 9, "cut short");
        refused(0, 0, u32::MAX, 9, "cut short");
    }
}
