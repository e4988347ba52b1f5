//! How well a platform is patched: the levels of TCB information that it meets (Intel PCS API, "Determining the TCB status
//! of a platform").
//!
//! 1. The first level whose SGX components, PCE and, for TDX, TDX components are all met is the platform's. Where
//!    TEE_TCB_SVN names a version of the TDX module, its components 0 and 1 are the module's own business:
//! 2. the module's identity of that version says who signed it, and the first of its levels that is met is the module's.
//! 3. Status of platform, module and quoting enclave converge; their advisories unite.
//! 4. TDX 1.5: the same with the security versions of now. Out of date at launch and not now advises a relaunch.

use std::collections::BTreeSet;

use strongroom_crypto::time::UnixTime;

use super::collateral::{Component, EnclaveLevel, ModuleIdentity, ModuleSigner, TcbInfo, TcbLevel};
use super::pck::PckIdentity;
use super::status::TcbStatus;
use crate::platform::tdx::report::TdReport;

/// Status, date and advisories of one part of a platform, or of several together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) status: TcbStatus,
    /// The oldest of the dates.
    pub(super) date: UnixTime,
    pub(super) advisories: BTreeSet<String>,
}

impl Level {
    fn of_platform(level: &TcbLevel) -> Self {
        Self {
            status: level.tcb_status,
            date: level.tcb_date.0,
            advisories: level.advisory_ids.iter().cloned().collect(),
        }
    }

    pub(super) fn of_enclave<Svn>(level: &EnclaveLevel<Svn>) -> Self {
        Self {
            status: level.tcb_status,
            date: level.tcb_date.0,
            advisories: level.advisory_ids.iter().cloned().collect(),
        }
    }

    /// This level with that of a part, if the part has levels of its own.
    pub(super) fn with_part(self, part: Option<&Self>) -> Self {
        match part {
            Some(part) => self.with(part),
            None => self,
        }
    }

    /// This level with that of a part.
    pub(super) fn with(mut self, part: &Self) -> Self {
        self.status = self.status.converge(part.status);
        self.date = self.date.min(part.date);
        self.advisories.extend(part.advisories.iter().cloned());
        self
    }
}

/// The level of TCB information that the platform meets. `tee_tcb_svn` is that of a TD.
pub(super) fn platform_level(
    info: &TcbInfo,
    platform: &PckIdentity,
    tee_tcb_svn: Option<&[u8; 16]>,
) -> Option<Level> {
    let met = |level: &&TcbLevel| {
        let sgx = meets(&platform.sgx_tcb_svns.0, &level.tcb.sgx, 0);
        let tdx = match (tee_tcb_svn, &level.tcb.tdx) {
            (None, _) => true,
            (Some(svns), Some(needed)) => meets(svns, needed, if module_version(svns) > 0 { 2 } else { 0 }),
            (Some(_), None) => false,
        };
        sgx && tdx && platform.pce_svn >= level.tcb.pcesvn
    };
    info.tcb_levels.iter().find(met).map(Level::of_platform)
}

fn meets(svns: &[u8; 16], needed: &[Component; 16], skip: usize) -> bool {
    let pairs = svns.iter().zip(needed).skip(skip);
    pairs.into_iter().all(|(svn, needed)| *svn >= needed.svn)
}

/// Major version of the TDX module; 0 where TEE_TCB_SVN does not name one.
const fn module_version(tee_tcb_svn: &[u8; 16]) -> u8 {
    tee_tcb_svn[1]
}

/// What TCB information says of the TDX module that these security versions name: its signer, and its level where the
/// module's version has levels of its own.
pub(super) fn module_level<'a>(
    info: &'a TcbInfo,
    tee_tcb_svn: &[u8; 16],
) -> Result<(&'a ModuleSigner, Option<Level>), String> {
    let version = module_version(tee_tcb_svn);
    if version == 0 {
        let base = info.tdx_module.as_ref();
        return Ok((base.ok_or("no TDX module is known")?, None));
    }
    let id = format!("TDX_{version:02X}");
    let of_version = |identity: &&ModuleIdentity| identity.id.eq_ignore_ascii_case(&id);
    let identity = info
        .tdx_module_identities
        .iter()
        .find(of_version)
        .ok_or_else(|| format!("no module {id} is known"))?;
    let svn = tee_tcb_svn[0];
    let level = identity.tcb_levels.iter().find(|level| svn >= level.tcb.isvsvn);
    let level = level.ok_or_else(|| format!("module {id} of security version {svn} has no level"))?;
    Ok((&identity.signer, Some(Level::of_enclave(level))))
}

/// Whether the TDX module is signed by `expected`, and has its attributes. A bit outside the mask has to be zero.
pub(super) fn check_module(report: &TdReport, expected: &ModuleSigner) -> Result<(), String> {
    if report.mrsignerseam != expected.mrsigner {
        return Err(format!("MRSIGNERSEAM {}", report.mrsignerseam));
    }
    let found = u64::from_le_bytes(report.seam_attributes.0);
    let mask = u64::from_le_bytes(expected.attributes_mask.0);
    let attributes = u64::from_le_bytes(expected.attributes.0);
    if found & mask != attributes & mask || found & !mask != 0 {
        return Err(format!("SEAMATTRIBUTES {}", report.seam_attributes));
    }
    Ok(())
}
