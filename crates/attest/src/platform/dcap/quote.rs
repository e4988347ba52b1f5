//! The DCAP quote: SGX version 3, TDX versions 4 and 5 (Intel, "SGX ECDSA quote library reference", appendix A;
//! "TDX DCAP quoting library API", appendix A).
//!
//! ```text
//! header 48: version u16 | attestation key type u16 | TEE type u32 | 4 | QE vendor id 16 | user data 20
//! version 5: body type u16 | body size u32
//! body: 384 (SGX), 584 (TD 1.0), 648 (TD 1.5) or 885 (TD 1.5 extended)           up to here the quote is signed
//! u32 length of: signature 64 | attestation key 64 | version 4 and 5: u16 = 6, u32 length of:
//!     QE report 384 | its signature 64 | u16 length of: authentication data | u16 type, u32 length of: certification data
//! ```
//!
//! All numbers are little-endian, but for the numbers of signatures and keys. What follows is kept apart: buffers padded
//! with zeros are common.

use super::enclave::{ENCLAVE_REPORT_BYTES, EnclaveReport};
use crate::platform::Platform;
use crate::platform::tdx::report::{TD10_BYTES, TD15_BYTES, TD15EX_BYTES, TdReport};
use crate::reader::{LittleEndian, Reader};

/// Vendor id of Intel's quoting enclaves.
pub(crate) const INTEL_QE_VENDOR_ID: [u8; 16] = [
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
];
/// Certification data is the PCK certificate chain, PEM.
pub(crate) const PCK_CERTIFICATE_CHAIN: u16 = 5;

const KEY_TYPE_ECDSA_P256: u16 = 2;
const KEY_TYPE_ECDSA_P384: u16 = 3;
const TEE_SGX: u32 = 0;
const TEE_TDX: u32 = 0x81;
/// Certification data is a QE report with certification data of its own.
const QE_REPORT_CERTIFICATION: u16 = 6;

/// A quote, read and not verified.
#[derive(Debug, Clone)]
pub(crate) struct Quote {
    pub(crate) version: u16,
    pub(crate) qe_vendor_id: [u8; 16],
    pub(crate) body: Body,
    /// Header and body, as signed.
    pub(crate) signed: Vec<u8>,
    /// `r || s`.
    pub(crate) signature: [u8; 64],
    /// `x || y`.
    pub(crate) attestation_key: [u8; 64],
    pub(crate) qe_report: [u8; ENCLAVE_REPORT_BYTES],
    /// `r || s`.
    pub(crate) qe_report_signature: [u8; 64],
    pub(crate) qe_authentication_data: Vec<u8>,
    pub(crate) certification_type: u16,
    pub(crate) certification_data: Vec<u8>,
    /// What stands behind the quote.
    pub(crate) trailing: Trailing,
}

/// What the quote speaks of.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Sgx(Box<EnclaveReport>),
    Td(Box<TdReport>),
}

/// Bytes behind what the quote's own lengths cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Trailing {
    pub(crate) bytes: usize,
    pub(crate) not_zero: usize,
}

/// The platform whose quote begins like these bytes; with `expected`, only if they can be its quote. A header is enough,
/// so that a quote that was cut or damaged is told from bytes of another kind.
pub(crate) fn recognise(expected: Option<Platform>, bytes: &[u8]) -> Option<Platform> {
    let mut fields = Reader::<LittleEndian>::new(bytes);
    let (version, key_type, tee) = (fields.u16()?, fields.u16()?, fields.u32()?);
    let by_tee = match tee {
        TEE_SGX => Some(Platform::Sgx),
        TEE_TDX => Some(Platform::Tdx),
        _ => None,
    };
    let by_version = match version {
        3 => Some(Platform::Sgx),
        4 | 5 => Some(Platform::Tdx),
        _ => None,
    };
    let by_key = matches!(key_type, KEY_TYPE_ECDSA_P256 | KEY_TYPE_ECDSA_P384);
    let by_numbers = by_key && by_tee.is_some() && by_version.is_some();
    let vendor = fields.take(4).and_then(|_| fields.array()) == Some(INTEL_QE_VENDOR_ID);
    if !vendor && !by_numbers {
        return None;
    }
    let any = by_tee.is_none() && by_version.is_none();
    match expected {
        None => by_tee.or(by_version).or(Some(Platform::Tdx)),
        Some(platform @ (Platform::Sgx | Platform::Tdx)) => {
            (any || by_tee == expected || by_version == expected).then_some(platform)
        }
        Some(_) => None,
    }
}

impl Quote {
    /// Reads a quote of `platform`.
    ///
    /// # Errors
    /// A half sentence about what is wrong.
    pub(crate) fn parse(platform: Platform, bytes: &[u8]) -> Result<Self, &'static str> {
        let mut fields = Reader::<LittleEndian>::new(bytes);
        let header = Header::read(&mut fields).ok_or("the quote ends in its header")?;
        header.check(platform)?;
        let body = read_body(platform, header.version, &mut fields)?;
        let signed = bytes[..bytes.len() - fields.rest().len()].to_vec();
        let signature_data = fields.sized().ok_or("the quote ends in its signature")?;
        let mut trailing = Trailing::default();
        trailing.add(fields.rest());
        let mut fields = Reader::<LittleEndian>::new(signature_data);
        let cut = "the quote's signature data is cut short";
        let signature = fields.array().ok_or(cut)?;
        let attestation_key = fields.array().ok_or(cut)?;
        if header.version != 3 {
            if fields.u16().ok_or(cut)? != QE_REPORT_CERTIFICATION {
                return Err("the quote's certification data holds no report of the quoting enclave");
            }
            let inner = fields.sized().ok_or(cut)?;
            trailing.add(fields.rest());
            fields = Reader::<LittleEndian>::new(inner);
        }
        let qe_report = fields.array().ok_or(cut)?;
        let qe_report_signature = fields.array().ok_or(cut)?;
        let authentication_bytes = fields.u16().ok_or(cut)?;
        let qe_authentication_data = fields.take(usize::from(authentication_bytes)).ok_or(cut)?;
        let certification_type = fields.u16().ok_or(cut)?;
        let certification_data = fields.sized().ok_or(cut)?;
        trailing.add(fields.rest());
        Ok(Self {
            version: header.version,
            qe_vendor_id: header.qe_vendor_id,
            body,
            signed,
            signature,
            attestation_key,
            qe_report,
            qe_report_signature,
            qe_authentication_data: qe_authentication_data.to_vec(),
            certification_type,
            certification_data: certification_data.to_vec(),
            trailing,
        })
    }

    pub(crate) fn report_data(&self) -> &[u8; 64] {
        match &self.body {
            Body::Sgx(report) => &report.report_data,
            Body::Td(report) => &report.report_data,
        }
    }
}

struct Header {
    version: u16,
    key_type: u16,
    tee: u32,
    qe_vendor_id: [u8; 16],
}

impl Header {
    fn read(fields: &mut Reader<'_, LittleEndian>) -> Option<Self> {
        let (version, key_type, tee) = (fields.u16()?, fields.u16()?, fields.u32()?);
        fields.take(4)?;
        let qe_vendor_id = fields.array()?;
        fields.take(20)?;
        Some(Self {
            version,
            key_type,
            tee,
            qe_vendor_id,
        })
    }

    fn check(&self, platform: Platform) -> Result<(), &'static str> {
        match (platform, self.tee) {
            (Platform::Sgx, TEE_SGX) | (Platform::Tdx, TEE_TDX) => {}
            (_, TEE_SGX | TEE_TDX) => return Err("its TEE type is that of another platform"),
            _ => return Err("its TEE type is unknown"),
        }
        match (platform, self.version) {
            (Platform::Sgx, 3) | (Platform::Tdx, 4 | 5) => {}
            (Platform::Sgx, _) => return Err("a quote of SGX has version 3, this one another"),
            _ => return Err("a quote of TDX has version 4 or 5, this one another"),
        }
        if self.key_type != KEY_TYPE_ECDSA_P256 {
            return Err("its attestation key is not of type 2, ECDSA on P-256");
        }
        Ok(())
    }
}

fn read_body(
    platform: Platform,
    version: u16,
    fields: &mut Reader<'_, LittleEndian>,
) -> Result<Body, &'static str> {
    let cut = "the quote ends in its body";
    if platform == Platform::Sgx {
        let report = fields.array().ok_or(cut)?;
        return Ok(Body::Sgx(Box::new(EnclaveReport::parse(&report))));
    }
    let length = match version {
        4 => TD10_BYTES,
        _ => {
            let body_type = fields.u16().ok_or(cut)?;
            let size = fields.u32().ok_or(cut)?;
            td_body_bytes(body_type, size)?
        }
    };
    let body = fields.take(length).ok_or(cut)?;
    let report = TdReport::parse(body).ok_or(cut)?;
    Ok(Body::Td(Box::new(report)))
}

fn td_body_bytes(body_type: u16, size: u32) -> Result<usize, &'static str> {
    let length = match body_type {
        2 => TD10_BYTES,
        3 => TD15_BYTES,
        4 => TD15EX_BYTES,
        1 => return Err("its body is that of an SGX enclave"),
        _ => return Err("its body is of an unknown type"),
    };
    if usize::try_from(size) == Ok(length) {
        Ok(length)
    } else {
        Err("its body has not the size of its type")
    }
}

impl Trailing {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.not_zero += bytes.iter().filter(|byte| **byte != 0).count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version: u16, key_type: u16, tee: u32) -> Vec<u8> {
        let mut bytes = [
            &version.to_le_bytes()[..],
            &key_type.to_le_bytes(),
            &tee.to_le_bytes(),
        ]
        .concat();
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&INTEL_QE_VENDOR_ID);
        bytes.resize(48, 0);
        bytes
    }

    fn refused(platform: Platform, bytes: &[u8]) -> &'static str {
        Quote::parse(platform, bytes).expect_err("damaged")
    }

    #[test]
    fn a_header_is_enough_to_know_a_quote() {
        use Platform::{Sgx, Snp, Tdx};
        assert_eq!(recognise(None, &header(3, 2, 0)), Some(Sgx));
        assert_eq!(recognise(None, &header(5, 2, 0x81)), Some(Tdx));
        assert_eq!(recognise(None, &header(4, 2, 0x81)[..8]), Some(Tdx));
        assert_eq!(recognise(None, &header(4, 2, 0x81)[..7]), None);
        // Damaged, and still known by the vendor; by type and version where the vendor is what is damaged.
        assert_eq!(recognise(None, &header(9, 9, 9)), Some(Tdx));
        assert_eq!(recognise(Some(Sgx), &header(9, 9, 9)), Some(Sgx));
        let mut other = header(4, 3, 0x81);
        other[12] ^= 1;
        assert_eq!(recognise(None, &other), Some(Tdx));
        other[0] = 9;
        assert_eq!(recognise(None, &other), None);
        // A quote of the other platform is no damaged quote of this one.
        assert_eq!(recognise(Some(Sgx), &header(4, 2, 0x81)), None);
        assert_eq!(recognise(Some(Tdx), &header(4, 2, 0)), Some(Tdx));
        assert_eq!(recognise(Some(Snp), &header(4, 2, 0x81)), None);
    }

    #[test]
    fn versions_types_and_sizes_come_in_pairs() {
        use Platform::{Sgx, Tdx};
        assert_eq!(
            refused(Tdx, &header(4, 2, 0x81)[..47]),
            "the quote ends in its header"
        );
        assert_eq!(
            refused(Tdx, &header(4, 2, 0)),
            "its TEE type is that of another platform"
        );
        assert_eq!(refused(Sgx, &header(3, 2, 7)), "its TEE type is unknown");
        for version in [4, 5, 6] {
            assert_eq!(
                refused(Sgx, &header(version, 2, 0)),
                "a quote of SGX has version 3, this one another"
            );
        }
        for version in [3, 6, 0xffff] {
            assert_eq!(
                refused(Tdx, &header(version, 2, 0x81)),
                "a quote of TDX has version 4 or 5, this one another"
            );
        }
        assert_eq!(
            refused(Tdx, &header(4, 3, 0x81)),
            "its attestation key is not of type 2, ECDSA on P-256"
        );
        let sizes = [(2, 584), (3, 648), (4, 885)];
        for (body_type, size) in sizes {
            assert_eq!(td_body_bytes(body_type, size).ok(), usize::try_from(size).ok());
            for (_, other) in sizes.iter().filter(|(other, _)| *other != body_type) {
                assert_eq!(
                    td_body_bytes(body_type, *other),
                    Err("its body has not the size of its type")
                );
            }
        }
        assert_eq!(td_body_bytes(1, 384), Err("its body is that of an SGX enclave"));
        assert_eq!(td_body_bytes(5, 384), Err("its body is of an unknown type"));
    }
}
