//! The platforms, one attester each.

mod measured;
pub mod sgx;
pub mod snp;
#[cfg(feature = "simulation")]
pub mod software;
pub mod tdx;
pub mod tpm;
pub(crate) mod tsm;

use std::path::Path;
use std::time::Duration;

use strongroom_attest::Evidence;

use crate::error::AttesterError;

/// The file that this process runs, whatever lies at its path meanwhile.
const OWN_EXECUTABLE: &str = "/proc/self/exe";

/// The device of a TD; quotes do not come from it any more (Linux 6.7).
pub(crate) const TDX_DEVICE: &str = "/dev/tdx_guest";

/// How long one question to hardware may take, waiting for its turn included. Making an RSA key takes some TPMs most of
/// a minute.
const ANSWER_SECONDS_MAX: u64 = 180;

/// Asks hardware: devices block.
async fn blocking<T: Send + 'static>(
    device: &Path,
    question: impl FnOnce() -> Result<T, AttesterError> + Send + 'static,
) -> Result<T, AttesterError> {
    let asked = tokio::task::spawn_blocking(question);
    match tokio::time::timeout(Duration::from_secs(ANSWER_SECONDS_MAX), asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
        Err(_) => Err(AttesterError::Timeout {
            path: device.to_owned(),
            seconds: ANSWER_SECONDS_MAX,
        }),
    }
}

/// The evidence, if it is for the report data that was asked for.
fn of_this_session(evidence: Evidence, report_data: &[u8; 64]) -> Result<Evidence, AttesterError> {
    if evidence.report_data() == report_data {
        Ok(evidence)
    } else {
        Err(AttesterError::OtherReportData)
    }
}
