//! Values that no two coordinators share. Each is replaced by what can be said of it: both must say the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_crypto::x509::Certificate;

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// PEM of the intermediate, then of the root that signed it.
    Chain,
    /// DER of a certificate, in base64.
    Certificate,
    /// Bytes of a fixed length, in base64.
    Bytes,
    /// Bytes whose length is not fixed, in base64.
    AnyBytes,
    /// An ASN.1 ECDSA signature, in base64.
    Signature,
    /// SHA-256 in hexadecimal.
    Digest,
    /// A line of the update log.
    LogLine,
    /// Evidence; `null` where there was no hardware to give any, as on the captured machine.
    Quote,
}

impl Kind {
    /// What can be said of `value`.
    pub(super) fn describe(self, value: &Value) -> Value {
        if let (Self::Quote, Value::Null) = (self, value) {
            return json!("evidence");
        }
        let text = value
            .as_str()
            .unwrap_or_else(|| panic!("{self:?}: {value} is no text"));
        let bytes = || {
            STANDARD
                .decode(text)
                .unwrap_or_else(|error| panic!("{self:?}: {error}: {text}"))
        };
        match self {
            Self::Chain => chain(text),
            Self::Certificate => named(&Certificate::parse(&bytes()).expect("a certificate")),
            Self::Bytes => json!(bytes().len()),
            Self::AnyBytes => json!(!bytes().is_empty()),
            Self::Signature => {
                let bytes = bytes();
                let rest = usize::from(bytes[1]) + 2;
                assert!(bytes[0] == 0x30 && rest == bytes.len(), "no sequence: {bytes:x?}");
                json!("signature")
            }
            Self::Digest => {
                let digest = hex::decode(text).expect("hexadecimal");
                assert_eq!(text, hex::encode(&digest), "lower case");
                json!(digest.len())
            }
            Self::LogLine => log_line(text),
            Self::Quote => {
                assert!(!bytes().is_empty(), "evidence has bytes");
                json!("evidence")
            }
        }
    }
}

fn chain(pem: &str) -> Value {
    let chain = Certificate::parse_pem_chain(pem).expect("certificates");
    let [intermediate, root] = chain.as_slice() else {
        panic!("{} certificates", chain.len());
    };
    for certificate in [intermediate, root] {
        let issuer = root.verifying_key().expect("a key");
        certificate
            .verify_signature_by(&issuer)
            .expect("the root signs both");
        assert!(certificate.is_ca(), "both are authorities");
    }
    // PEM's own layout is part of the text: lines of 64 characters, a newline at the end.
    assert_eq!(pem, intermediate.to_pem() + &root.to_pem());
    json!([named(intermediate), named(root)])
}

fn named(certificate: &Certificate) -> Value {
    let names = certificate.names();
    json!({
        "subject": certificate.subject_cn(),
        "names": format!("{names:?}"),
        "authority": certificate.is_ca(),
    })
}

/// The line in its bytes, but for the time.
fn log_line(text: &str) -> Value {
    let rest = text.strip_prefix("{\"time\":\"").expect("the time comes first");
    let (time, rest) = rest.split_once('"').expect("the time is a text");
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    json!([shape, rest])
}
