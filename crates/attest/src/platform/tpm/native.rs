//! A TPM's quote with what belongs to it, as one JSON object:
//!
//! ```json
//! {"quote": "…", "signature": "…", "ak_public": "…", "ak_certificate": "…", "ek_chain": ["…"], "pcrs": {"0": "…"}, "event_log": "…"}
//! ```
//!
//! Every value is base64 of what TPMs and their tools write:
//!
//! | member | content |
//! |---|---|
//! | `quote` | `TPMS_ATTEST` or `TPM2B_ATTEST` |
//! | `signature` | `TPMT_SIGNATURE`; or bare: RSASSA with SHA-256, ECDSA as ASN.1 or `r ‖ s` |
//! | `ak_public` | `TPMT_PUBLIC` or `TPM2B_PUBLIC`; or a SubjectPublicKeyInfo, DER or PEM |
//! | `ak_certificate`, `ek_chain` | optional; certificates, DER or PEM, one after the other or as list |
//! | `pcrs` | an object of registers (also under `sha256`) or a list; each value base64 or hexadecimal. Or base64 of all selected values one after the other, or of the file that `tpm2_quote --pcr` writes |
//! | `event_log`, `ima_log` | optional; the kernel's `binary_bios_measurements`, `binary_runtime_measurements` |
//!
//! PEM may also stand there as it is. Members of other names are left alone: vendors add some, and none is used.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use serde::Deserialize;
use serde_json::{Map, Value};
use strongroom_crypto::x509::Certificate;

use super::attest::Attest;
use super::pcrs::Pcrs;
use super::wire::unwrap_sized;
use crate::parts::{Parts, Tag};

/// Most certificates in one object.
const CERTIFICATES_MAX: usize = 16;
/// Length of the selection at the beginning of a file of `tpm2_quote --pcr`: the structure in memory, little-endian.
const TOOLS_SELECTION_BYTES: usize = 132;
/// Values in one list of such a file, and the bytes of each.
const TOOLS_VALUES: usize = 8;
const TOOLS_VALUE_BYTES: usize = 66;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_encode_padding(true),
);

#[derive(Deserialize)]
struct Native {
    quote: Value,
    signature: Value,
    ak_public: Value,
    #[serde(default)]
    ak_certificate: Value,
    #[serde(default)]
    ek_chain: Value,
    pcrs: Value,
    #[serde(default)]
    event_log: Value,
    #[serde(default)]
    ima_log: Value,
}

/// Whether these bytes are such an object, perhaps a damaged one: what only looks like one fails when it is read.
pub(crate) fn is_native(is_expected: bool, bytes: &[u8]) -> bool {
    const MEMBERS: [&[u8]; 4] = [b"\"quote\"", b"\"signature\"", b"\"ak_public\"", b"\"pcrs\""];
    let has = |member: &&[u8]| bytes.windows(member.len()).any(|window| window == *member);
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    is_object && (is_expected || MEMBERS.iter().filter(|member| has(member)).count() >= 2)
}

/// Reads the object, and the log that lies beside it.
///
/// # Errors
/// A half sentence that begins with the member.
pub(crate) fn read(bytes: &[u8], event_log: Option<&[u8]>) -> Result<Parts, &'static str> {
    let native: Native = serde_json::from_slice(bytes).map_err(
        |_| "it is no JSON object with the members quote, signature, ak_public and pcrs, each once",
    )?;
    let quote = binary(&native.quote).ok_or("quote: no base64")?;
    let quote = unwrap_sized(&quote).unwrap_or(&quote);
    let selected = Attest::parse(quote)?
        .quote
        .and_then(|quote| quote.sha256_pcrs())
        .unwrap_or_default();
    let pcrs = pcrs(&native.pcrs, &selected)?;
    let mut parts = Parts::new(quote.to_vec())
        .with(
            Tag::Signature,
            binary(&native.signature).ok_or("signature: no base64")?,
        )
        .with(
            Tag::AttestationKey,
            binary(&native.ak_public).ok_or("ak_public: no base64")?,
        )
        .with(Tag::Pcrs, pcrs.to_bytes());
    let certificates = certificates(
        &native.ak_certificate,
        "ak_certificate: no certificate in base64 or PEM",
    )?
    .into_iter()
    .chain(certificates(
        &native.ek_chain,
        "ek_chain: no certificates in base64 or PEM",
    )?);
    for certificate in certificates {
        parts = parts.with(Tag::Endorsement, certificate);
    }
    let inside = optional(&native.event_log, "event_log: no base64")?;
    let log = match (inside, event_log) {
        (Some(_), Some(_)) => return Err("event_log: there is another log beside it"),
        (inside, beside) => inside.or_else(|| beside.map(<[u8]>::to_vec)),
    };
    if let Some(log) = log {
        parts = parts.with(Tag::EventLog, log);
    }
    if let Some(log) = optional(&native.ima_log, "ima_log: no base64")? {
        parts = parts.with(Tag::ImaLog, log);
    }
    Ok(parts)
}

/// Base64, or PEM as it is.
fn binary(value: &Value) -> Option<Vec<u8>> {
    let text = value.as_str()?;
    if text.trim_start().starts_with("-----BEGIN ") {
        return Some(text.as_bytes().to_vec());
    }
    base64(text)
}

/// Line breaks are allowed, as `base64` and `openssl` put them in.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64
        .decode(&text)
        .or_else(|_| general_purpose::URL_SAFE_NO_PAD.decode(&text))
        .ok()
        .filter(|bytes| !bytes.is_empty())
}

fn optional(value: &Value, refusal: &'static str) -> Result<Option<Vec<u8>>, &'static str> {
    match value {
        Value::Null => Ok(None),
        value => binary(value).map(Some).ok_or(refusal),
    }
}

/// Certificates in DER.
fn certificates(value: &Value, refusal: &'static str) -> Result<Vec<Vec<u8>>, &'static str> {
    let values = match value {
        Value::Null => &[][..],
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let mut found = Vec::new();
    for value in values {
        let bytes = binary(value).ok_or(refusal)?;
        let pem = std::str::from_utf8(&bytes)
            .ok()
            .filter(|text| text.contains("-----BEGIN "));
        match pem {
            Some(pem) => {
                let chain = Certificate::parse_pem_chain(pem).map_err(|_| refusal)?;
                found.extend(chain.iter().map(|certificate| certificate.der().to_vec()));
            }
            None => found.extend(split_der(&bytes).ok_or(refusal)?),
        }
        if found.len() > CERTIFICATES_MAX {
            return Err("ek_chain: more certificates than any chain has");
        }
    }
    Ok(found)
}

/// DER structures that follow one another. Real certificates all have lengths of two bytes.
fn split_der(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while !bytes.is_empty() && found.len() <= CERTIFICATES_MAX {
        let [0x30, 0x82, high, low, ..] = bytes else {
            return None;
        };
        let length = 4 + usize::from(u16::from_be_bytes([*high, *low]));
        let (certificate, rest) = bytes.split_at_checked(length)?;
        found.push(certificate.to_vec());
        bytes = rest;
    }
    Some(found)
}

fn pcrs(value: &Value, selected: &[u8]) -> Result<Pcrs, &'static str> {
    const REFUSAL: &str =
        "pcrs: neither an object nor a list of registers, nor the values of those that are selected";
    match value {
        Value::Object(members) => match members.get("sha256") {
            Some(Value::Object(members)) => by_register(members),
            Some(_) => Err(REFUSAL),
            None => by_register(members),
        },
        Value::Array(values) if values.len() == selected.len() => {
            in_order(values.iter().zip(selected).map(|(value, pcr)| (*pcr, value)))
        }
        // The whole bank.
        Value::Array(values) if values.len() == 24 => in_order((0..24).zip(values)),
        Value::String(_) => {
            let bytes = binary(value).ok_or(REFUSAL)?;
            let values = match bytes.len() == 32 * selected.len() {
                true => bytes.chunks_exact(32).map(<[u8]>::to_vec).collect(),
                false => of_tools(&bytes, selected.len()).ok_or(REFUSAL)?,
            };
            let mut pcrs = Pcrs::default();
            for (pcr, value) in selected.iter().zip(values) {
                let value = value.try_into().map_err(|_| REFUSAL)?;
                pcrs.insert(*pcr, value);
            }
            Ok(pcrs)
        }
        _ => Err(REFUSAL),
    }
}

fn by_register(members: &Map<String, Value>) -> Result<Pcrs, &'static str> {
    const REFUSAL: &str = "pcrs: a member is no register, or its value no 32 bytes in base64 or hexadecimal";
    let mut pcrs = Pcrs::default();
    for (name, value) in members {
        let pcr = name.parse().map_err(|_| REFUSAL)?;
        if !pcrs.insert(pcr, register(value).ok_or(REFUSAL)?) {
            return Err(REFUSAL);
        }
    }
    Ok(pcrs)
}

/// A register without a value is left out.
fn in_order<'a>(values: impl Iterator<Item = (u8, &'a Value)>) -> Result<Pcrs, &'static str> {
    const REFUSAL: &str = "pcrs: a value is no 32 bytes in base64 or hexadecimal";
    let mut pcrs = Pcrs::default();
    for (pcr, value) in values.filter(|(_, value)| !value.is_null()) {
        pcrs.insert(pcr, register(value).ok_or(REFUSAL)?);
    }
    Ok(pcrs)
}

fn register(value: &Value) -> Option<[u8; 32]> {
    let text = value.as_str()?.trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let bytes = match digits.len() {
        64 => hex::decode(digits).ok()?,
        _ => base64(text)?,
    };
    bytes.try_into().ok()
}

/// The values in a file that `tpm2_quote --pcr` writes: the selection, the number of lists, then the lists, each with
/// its count and room for eight values of 64 bytes.
fn of_tools(file: &[u8], selected: usize) -> Option<Vec<Vec<u8>>> {
    let little = |bytes: &[u8]| Some(usize::from(u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?)));
    let lists = file.get(TOOLS_SELECTION_BYTES..)?.get(4..)?;
    let mut values = Vec::new();
    for list in lists.chunks_exact(4 + TOOLS_VALUES * TOOLS_VALUE_BYTES) {
        let count = little(list)?;
        for value in list[4..].chunks_exact(TOOLS_VALUE_BYTES).take(count) {
            values.push(value[2..].get(..little(value)?)?.to_vec());
        }
    }
    (values.len() == selected).then_some(values)
}
