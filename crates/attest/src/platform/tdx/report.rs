//! What the TDX module says of a TD: the bodies of TDX 1.0 (584 bytes), 1.5 (648 bytes) and 1.5 extended (885 bytes).

use serde::Serialize;

use crate::hex_bytes::HexBytes;
use crate::reader::{LittleEndian, Reader};

/// Bytes of a TDX 1.0 body.
pub(crate) const TD10_BYTES: usize = 584;
/// Bytes of a TDX 1.5 body: the same, TEE_TCB_SVN2 and MRSERVICETD.
pub(crate) const TD15_BYTES: usize = 648;
/// Bytes of an extended TDX 1.5 body: the same, and what [`Extension`] holds.
pub(crate) const TD15EX_BYTES: usize = 885;

/// A body, read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TdReport {
    /// TEE_TCB_SVN: security versions of the TDX module and its companions when the TD was started.
    pub tee_tcb_svn: HexBytes<16>,
    /// MRSEAM: measurement of the TDX module.
    pub mrseam: HexBytes<48>,
    /// MRSIGNERSEAM: signer of the TDX module; zeros are Intel.
    pub mrsignerseam: HexBytes<48>,
    /// SEAMATTRIBUTES: attributes of the TDX module.
    pub seam_attributes: HexBytes<8>,
    /// TDATTRIBUTES.
    #[serde(serialize_with = "hexadecimal")]
    pub td_attributes: u64,
    /// XFAM: processor features that the TD may use.
    pub xfam: HexBytes<8>,
    /// MRTD: what was in the TD when it was built.
    pub mrtd: HexBytes<48>,
    /// MRCONFIGID.
    pub mrconfigid: HexBytes<48>,
    /// MROWNER.
    pub mrowner: HexBytes<48>,
    /// MROWNERCONFIG.
    pub mrownerconfig: HexBytes<48>,
    /// RTMR0 to RTMR3: what was measured since.
    pub rtmrs: [HexBytes<48>; 4],
    /// What the TD asked to have signed.
    #[serde(skip)]
    pub report_data: [u8; 64],
    /// What TDX 1.5 adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub td15: Option<Td15>,
}

/// What TDX 1.5 adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Td15 {
    /// TEE_TCB_SVN2: security versions as they are now, after updates under the running TD.
    pub tee_tcb_svn2: HexBytes<16>,
    /// MRSERVICETD: measurement of the service TDs that are bound to this one; zeros are none.
    pub mrservicetd: HexBytes<48>,
    /// What the extended body adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<Box<Extension>>,
}

/// What the extended body adds. The fields about service TDs are zero without the attribute SERVTD_EXT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Extension {
    /// Which virtual machine of a partitioned TD asked; 0 where there are no partitions.
    pub vm_id: u8,
    /// Identity of this very TD: another after each start, the same after a migration.
    pub td_id: HexBytes<32>,
    /// Hash of what is known of its devices.
    pub device_info: HexBytes<48>,
    /// Service TDs when the TD was built.
    pub initial_service_td_hash: HexBytes<48>,
    /// Their attributes.
    pub initial_service_td_attributes: HexBytes<8>,
    /// CPUSVN when the TD was built.
    pub initial_cpu_svn: HexBytes<16>,
    /// TEE_TCB_SVN when the TD was built.
    pub initial_tee_tcb_svn: HexBytes<16>,
    /// Model of the platform that it was built on.
    pub initial_fmspc: HexBytes<12>,
    /// Service TDs now.
    pub current_service_td_hash: HexBytes<48>,
    /// Their attributes.
    pub current_service_td_attributes: HexBytes<8>,
}

impl TdReport {
    /// Reads a body of one of the three lengths.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Reader::<LittleEndian>::new(bytes);
        let report = Self::read(&mut fields, bytes.len())?;
        fields.is_empty().then_some(report)
    }

    fn read(fields: &mut Reader<'_, LittleEndian>, length: usize) -> Option<Self> {
        Some(Self {
            tee_tcb_svn: fields.array().map(HexBytes)?,
            mrseam: fields.array().map(HexBytes)?,
            mrsignerseam: fields.array().map(HexBytes)?,
            seam_attributes: fields.array().map(HexBytes)?,
            td_attributes: fields.u64()?,
            xfam: fields.array().map(HexBytes)?,
            mrtd: fields.array().map(HexBytes)?,
            mrconfigid: fields.array().map(HexBytes)?,
            mrowner: fields.array().map(HexBytes)?,
            mrownerconfig: fields.array().map(HexBytes)?,
            rtmrs: [
                fields.array().map(HexBytes)?,
                fields.array().map(HexBytes)?,
                fields.array().map(HexBytes)?,
                fields.array().map(HexBytes)?,
            ],
            report_data: fields.array()?,
            td15: match length {
                TD10_BYTES => None,
                _ => Some(Td15::read(fields, length)?),
            },
        })
    }

    /// What the extended body adds.
    #[must_use]
    pub fn extension(&self) -> Option<&Extension> {
        self.td15.as_ref()?.extension.as_deref()
    }
}

impl Td15 {
    fn read(fields: &mut Reader<'_, LittleEndian>, length: usize) -> Option<Self> {
        Some(Self {
            tee_tcb_svn2: fields.array().map(HexBytes)?,
            mrservicetd: fields.array().map(HexBytes)?,
            extension: match length {
                TD15_BYTES => None,
                _ => Some(Box::new(Extension::read(fields)?)),
            },
        })
    }
}

impl Extension {
    fn read(fields: &mut Reader<'_, LittleEndian>) -> Option<Self> {
        Some(Self {
            vm_id: fields.array().map(|[byte]| byte)?,
            td_id: fields.array().map(HexBytes)?,
            device_info: fields.array().map(HexBytes)?,
            initial_service_td_hash: fields.array().map(HexBytes)?,
            initial_service_td_attributes: fields.array().map(HexBytes)?,
            initial_cpu_svn: fields.array().map(HexBytes)?,
            initial_tee_tcb_svn: fields.array().map(HexBytes)?,
            initial_fmspc: fields.array().map(HexBytes)?,
            current_service_td_hash: fields.array().map(HexBytes)?,
            current_service_td_attributes: fields.array().map(HexBytes)?,
        })
    }
}

fn hexadecimal<S: serde::Serializer>(attributes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{attributes:#018x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body in which each byte is the low half of its offset.
    fn numbered(length: usize) -> Vec<u8> {
        (0..length).map(|offset| offset.to_le_bytes()[0]).collect()
    }

    #[test]
    fn every_field_lies_where_the_module_puts_it() {
        let report = TdReport::parse(&numbered(TD15EX_BYTES)).expect("a body");
        let at = |offset: usize| offset.to_le_bytes()[0];
        assert_eq!(report.mrseam.0[0], at(16));
        assert_eq!(report.mrsignerseam.0[0], at(64));
        assert_eq!(report.seam_attributes.0[0], at(112));
        assert_eq!(report.td_attributes.to_le_bytes()[0], at(120));
        assert_eq!((report.xfam.0[0], report.mrtd.0[0]), (at(128), at(136)));
        assert_eq!((report.mrconfigid.0[0], report.mrowner.0[0]), (at(184), at(232)));
        assert_eq!(report.mrownerconfig.0[0], at(280));
        assert_eq!((report.rtmrs[0].0[0], report.rtmrs[3].0[0]), (at(328), at(472)));
        assert_eq!(report.report_data[0], at(520));
        let td15 = report.td15.as_ref().expect("TDX 1.5");
        assert_eq!(
            (td15.tee_tcb_svn2.0[0], td15.mrservicetd.0[0]),
            (at(584), at(600))
        );
        let extension = report.extension().expect("extended");
        assert_eq!((extension.vm_id, extension.td_id.0[0]), (at(648), at(649)));
        assert_eq!(extension.initial_service_td_hash.0[0], at(729));
        assert_eq!(extension.current_service_td_hash.0[0], at(829));
        assert_eq!(extension.current_service_td_attributes.0[7], at(884));
    }

    #[test]
    fn no_other_length_is_a_body() {
        for length in [TD10_BYTES, TD15_BYTES, TD15EX_BYTES] {
            assert!(TdReport::parse(&numbered(length)).is_some());
            assert!(TdReport::parse(&numbered(length - 1)).is_none());
            assert!(TdReport::parse(&numbered(length + 1)).is_none());
        }
        assert!(TdReport::parse(&[]).is_none());
    }
}
