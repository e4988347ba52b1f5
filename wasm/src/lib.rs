//! The verifier of `strongroom attest verify` as a WebAssembly module, for browsers and Node.
//!
//! One request at a time: the host asks for room ([`request`]), writes a JSON request there, calls [`examine`], and reads
//! the answer at [`answer`]. No other import or export, no clock, no randomness, no network.
//!
//! ```json
//! {"platform": "tdx", "evidence": "<hex>", "endorsements": ["<hex>"], "event_log": "<hex>", "at": 1751624191,
//!  "report_data": "<hex>", "policy": "<strongroom.policy.v1 as text>"}
//! ```
//!
//! All but `evidence` and `at` may be left out. The answer is a report (`docs/schema/report.v1.json`), or `{"error": "…"}`
//! where the request cannot be read or the evidence is of no known platform.

use std::cell::RefCell;

use serde::Deserialize;
use strongroom_attest::{Endorsements, Evidence, Inspection, InspectionPolicy, Platform, Roots};
use strongroom_crypto::time::UnixTime;

/// Largest request, in bytes.
const REQUEST_BYTES_MAX: u32 = 16 * 1024 * 1024;

thread_local! {
    static REQUEST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    platform: Option<Platform>,
    evidence: String,
    #[serde(default)]
    endorsements: Vec<String>,
    event_log: Option<String>,
    at: u64,
    report_data: Option<String>,
    policy: Option<String>,
}

/// Where the host writes a request of `bytes` bytes; null if that is too long.
#[unsafe(no_mangle)]
pub extern "C" fn request(bytes: u32) -> *mut u8 {
    if bytes > REQUEST_BYTES_MAX {
        return std::ptr::null_mut();
    }
    REQUEST.with_borrow_mut(|request| {
        *request = vec![0; bytes as usize];
        request.as_mut_ptr()
    })
}

/// Examines the request, and returns the length of the answer.
#[unsafe(no_mangle)]
pub extern "C" fn examine() -> u32 {
    let request = REQUEST.take();
    let answer = match report(&request) {
        Ok(report) => report,
        Err(error) => serde_json::json!({ "error": error }).to_string(),
    };
    let length = u32::try_from(answer.len()).unwrap_or(0);
    ANSWER.set(answer.into_bytes());
    length
}

/// Where the answer lies until the next [`examine`].
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    ANSWER.with_borrow(|answer| answer.as_ptr())
}

fn report(request: &[u8]) -> Result<String, String> {
    let request: Request = serde_json::from_slice(request).map_err(|error| format!("the request: {error}"))?;
    let evidence = bytes("evidence", &request.evidence)?;
    let event_log = optional("event_log", request.event_log.as_deref())?;
    let report_data = optional("report_data", request.report_data.as_deref())?;
    let mut endorsements = Endorsements::none();
    for (index, endorsement) in request.endorsements.iter().enumerate() {
        endorsements
            .add(&bytes("endorsements", endorsement)?)
            .map_err(|error| format!("endorsement {index}: {error}"))?;
    }
    let report = match Evidence::read_native(request.platform, &evidence, event_log.as_deref()) {
        Ok(evidence) => {
            let policy = match &request.policy {
                Some(policy) => InspectionPolicy::parse(policy.as_bytes()).map_err(|error| error.to_string())?,
                None => InspectionPolicy::strict(evidence.platform()),
            };
            let inspection = Inspection {
                endorsements: &endorsements,
                policy: &policy,
                roots: &Roots::none(),
                report_data: report_data.as_deref(),
                now: UnixTime(request.at),
            };
            inspection.report(&evidence)
        }
        Err(error) if error.is_foreign() => return Err(error.to_string()),
        Err(error) => Inspection::unread(&error),
    };
    serde_json::to_string(&report).map_err(|error| error.to_string())
}

fn optional(name: &str, text: Option<&str>) -> Result<Option<Vec<u8>>, String> {
    text.map(|text| bytes(name, text)).transpose()
}

/// Hexadecimal, decoded here: two digits a byte, nothing else.
fn bytes(name: &str, text: &str) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
            _ => None,
        })
        .collect::<Option<_>>()
        .ok_or_else(|| format!("{name} is not hexadecimal"))
}
