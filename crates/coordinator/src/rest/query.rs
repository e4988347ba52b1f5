//! Query strings.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use strongroom_api::coordinator::problem::Code;
use strongroom_manifest::SecretName;

use crate::app::Failure;

/// A query, decoded, in its order.
pub(super) type Pairs = Vec<(String, String)>;

/// `s=NAME&s=NAME`: which secrets.
pub(super) fn secret_names(pairs: Pairs) -> Result<Vec<SecretName>, Failure> {
    let names: Vec<String> = pairs
        .into_iter()
        .filter(|(key, _)| key == "s")
        .map(|(_, value)| value)
        .collect();
    if names.is_empty() {
        let message = "invalid query: endpoint requires at least one query parameter";
        return Err(Failure::request(Code::RequestMalformed, message));
    }
    if names.iter().any(String::is_empty) {
        return Err(Failure::request(
            Code::RequestMalformed,
            "malformed query string: empty query parameter",
        ));
    }
    Ok(names.into_iter().map(SecretName::from).collect())
}

/// `nonce=BASE64URL`; empty where it is missing.
pub(super) fn nonce(pairs: &Pairs) -> Result<Vec<u8>, Failure> {
    let text = pairs
        .iter()
        .find(|(key, _)| key == "nonce")
        .map_or("", |(_, value)| value);
    URL_SAFE.decode(text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) => at,
            _ => text.len(),
        };
        let message = format!("invalid query: bad nonce format: illegal base64 data at input byte {at}");
        Failure::request(Code::RequestMalformed, message)
    })
}

/// A number, or what stands for its absence.
pub(super) fn number(pairs: &Pairs, name: &str, default: u64) -> Result<u64, Failure> {
    let Some((_, text)) = pairs.iter().find(|(key, _)| key == name) else {
        return Ok(default);
    };
    text.parse()
        .map_err(|_| Failure::request(Code::RequestMalformed, format!("`{name}` is no number")))
}
