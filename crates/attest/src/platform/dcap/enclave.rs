//! `sgx_report_body_t`, 384 bytes: what SGX says of an enclave. The body of an SGX quote, and the quoting enclave's own
//! report in every quote.

use serde::Serialize;

use crate::hex_bytes::HexBytes;
use crate::reader::{LittleEndian, Reader};

/// Bytes of a report.
pub(crate) const ENCLAVE_REPORT_BYTES: usize = 384;

/// A report, read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnclaveReport {
    /// Security version of processor and microcode, as the enclave saw it. TCB levels are matched by those of the PCK
    /// certificate instead.
    pub cpu_svn: HexBytes<16>,
    /// MISCSELECT.
    pub misc_select: u32,
    /// ISVEXTPRODID, with key separation and sharing.
    pub extended_product_id: HexBytes<16>,
    /// ATTRIBUTES: flags, little-endian, and XFRM.
    pub attributes: HexBytes<16>,
    /// MRENCLAVE.
    pub mr_enclave: HexBytes<32>,
    /// MRSIGNER.
    pub mr_signer: HexBytes<32>,
    /// CONFIGID, with key separation and sharing.
    pub config_id: HexBytes<64>,
    /// ISVPRODID.
    pub product_id: u16,
    /// ISVSVN.
    pub security_version: u16,
    /// CONFIGSVN, with key separation and sharing.
    pub config_svn: u16,
    /// ISVFAMILYID, with key separation and sharing.
    pub family_id: HexBytes<16>,
    /// What the enclave asked to have signed.
    #[serde(skip)]
    pub report_data: [u8; 64],
}

impl EnclaveReport {
    pub(crate) fn parse(bytes: &[u8; ENCLAVE_REPORT_BYTES]) -> Self {
        Self::read(&mut Reader::<LittleEndian>::new(bytes))
            .expect("the fields of an enclave's report have 384 bytes together")
    }

    fn read(fields: &mut Reader<'_, LittleEndian>) -> Option<Self> {
        let cpu_svn = fields.array().map(HexBytes)?;
        let misc_select = fields.u32()?;
        fields.take(12)?;
        let extended_product_id = fields.array().map(HexBytes)?;
        let attributes = fields.array().map(HexBytes)?;
        let mr_enclave = fields.array().map(HexBytes)?;
        fields.take(32)?;
        let mr_signer = fields.array().map(HexBytes)?;
        fields.take(32)?;
        let config_id = fields.array().map(HexBytes)?;
        let product_id = fields.u16()?;
        let security_version = fields.u16()?;
        let config_svn = fields.u16()?;
        fields.take(42)?;
        let family_id = fields.array().map(HexBytes)?;
        let report_data = fields.array()?;
        Some(Self {
            cpu_svn,
            misc_select,
            extended_product_id,
            attributes,
            mr_enclave,
            mr_signer,
            config_id,
            product_id,
            security_version,
            config_svn,
            family_id,
            report_data,
        })
    }

    /// ATTRIBUTES.FLAGS.
    #[must_use]
    pub fn flags(&self) -> u64 {
        let [flags @ .., _, _, _, _, _, _, _, _] = self.attributes.0;
        u64::from_le_bytes(flags)
    }

    /// Whether the enclave's owner may read and write its memory.
    #[must_use]
    pub fn debug(&self) -> bool {
        self.flags() & FLAG_DEBUG != 0
    }
}

/// ATTRIBUTES.FLAGS.DEBUG (Intel SDM volume 3D, table 37-3).
pub(crate) const FLAG_DEBUG: u64 = 1 << 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_lies_where_the_architecture_puts_it() {
        let mut bytes = [0; ENCLAVE_REPORT_BYTES];
        for (offset, byte) in [
            (0, 1),
            (16, 2),
            (32, 3),
            (48, 0x06),
            (56, 5),
            (64, 6),
            (128, 7),
            (192, 8),
        ] {
            bytes[offset] = byte;
        }
        for (offset, byte) in [(256, 9), (258, 10), (260, 11), (304, 12), (320, 13), (383, 14)] {
            bytes[offset] = byte;
        }
        let report = EnclaveReport::parse(&bytes);
        assert_eq!((report.cpu_svn.0[0], report.misc_select), (1, 2));
        assert_eq!((report.extended_product_id.0[0], report.attributes.0[8]), (3, 5));
        assert_eq!((report.mr_enclave.0[0], report.mr_signer.0[0]), (6, 7));
        assert_eq!((report.config_id.0[0], report.config_svn), (8, 11));
        assert_eq!((report.product_id, report.security_version), (9, 10));
        assert_eq!(report.family_id.0[0], 12);
        assert_eq!((report.report_data[0], report.report_data[63]), (13, 14));
        assert_eq!((report.flags(), report.debug()), (6, true));
    }
}
