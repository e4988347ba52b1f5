//! Monotonic counters in the TPM's non-volatile memory.

use strongroom_crypto::encode::Encoder;
use strongroom_crypto::label;

use crate::attester::CounterName;
use crate::error::AttesterError;
use crate::tpm::{Handle, NvPublic, Reader, Tpm, TpmError};

pub(super) fn read(tpm: &mut Tpm, name: &CounterName) -> Result<u64, AttesterError> {
    let public = begun(tpm, name)?;
    value(tpm, &public)
}

pub(super) fn advance(tpm: &mut Tpm, name: &CounterName) -> Result<u64, AttesterError> {
    let public = begun(tpm, name)?;
    tpm.nv_increment(public.index)?;
    value(tpm, &public)
}

fn value(tpm: &mut Tpm, public: &NvPublic) -> Result<u64, AttesterError> {
    let bytes = tpm.nv_read(public)?;
    let value = Reader::new(&bytes).u64();
    Ok(value.map_err(TpmError::malformed("TPM2_NV_Read"))?)
}

/// The counter, defined and with a value. Its first step gives it one, above that of every counter that the TPM ever
/// had (Part 3 §31.8).
fn begun(tpm: &mut Tpm, name: &CounterName) -> Result<NvPublic, AttesterError> {
    let wanted = public(name);
    let written = NvPublic {
        attributes: wanted.attributes | NvPublic::WRITTEN,
        ..wanted.clone()
    };
    let found = tpm.nv_read_public(wanted.index)?;
    match found {
        Some(found) if found == written => return Ok(written),
        Some(found) if found == wanted => {}
        // Not even its kind is the right one: data that anybody may set would count in any direction.
        Some(_) => {
            return Err(AttesterError::Refused(format!(
                "NV index {:#010x} is not the counter {}: somebody else defined it",
                wanted.index.0,
                name.as_str()
            )));
        }
        None => tpm.nv_define(&wanted)?,
    }
    tpm.nv_increment(wanted.index)?;
    Ok(written)
}

/// The index that the name gives, among those of the owner (TCG Registry of Reserved TPM 2.0 Handles §2.2).
fn public(name: &CounterName) -> NvPublic {
    let digest = Encoder::new(label::TPM_COUNTER)
        .bytes(name.as_str().as_bytes())
        .sha256();
    let [a, b, c, ..] = digest.0;
    let low = u32::from_be_bytes([0, a, b, c]) & (LAST_INDEX - FIRST_INDEX);
    NvPublic {
        index: Handle(FIRST_INDEX + low),
        attributes: NvPublic::COUNTER | NvPublic::AUTH_WRITE | NvPublic::AUTH_READ | NvPublic::NO_DA,
        // Gives nobody any right: no policy has this digest. It tells counters apart whose names give the same index.
        policy: digest.0.to_vec(),
        size: 8,
    }
}

const FIRST_INDEX: u32 = 0x0180_0000;
const LAST_INDEX: u32 = 0x01BF_FFFF;
