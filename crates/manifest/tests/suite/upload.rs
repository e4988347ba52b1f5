//! What users upload, held against the declarations.

use std::collections::BTreeMap;

use serde_json::json;
use strongroom_crypto::secret::SecretBytes;
use strongroom_manifest::{SecretName, SecretValue, Upload, UploadError};

use crate::fixture::{OWNER, accepted, good, with};

fn key(bytes: &[u8]) -> Upload {
    Upload {
        key: Some(SecretBytes::copy_of(bytes)),
        ..Upload::default()
    }
}

fn upload(name: &str, upload: Upload) -> Result<SecretValue, UploadError> {
    let mut manifest = good();
    crate::fixture::set(
        &mut manifest,
        "/Secrets/theirs",
        json!({ "Type": "cert-rsa", "UserDefined": true }),
    );
    let name = SecretName::from(name);
    let checked = accepted(&manifest).check_upload(BTreeMap::from([(name.clone(), upload)]))?;
    Ok(checked.into_iter().next().expect("one was sent").1)
}

#[test]
fn takes_what_is_declared() {
    let value = upload("digits-key", key(&[7; 32])).expect("32 bytes");
    assert_eq!(value, SecretValue::Symmetric(SecretBytes::new(vec![7; 32])));
    let value = upload("greeting", key(b"hello")).expect("plain text");
    assert_eq!(value, SecretValue::Plain(SecretBytes::new(b"hello".to_vec())));
    let certificate = Upload {
        certificate: Some(OWNER.der().to_vec()),
        ..Upload::default()
    };
    let value = upload("theirs", certificate).expect("a certificate without key");
    assert!(matches!(
        value,
        SecretValue::Certificate {
            private_key: None,
            ..
        }
    ));
}

#[test]
fn refuses_everything_else() {
    let none = accepted(&good()).check_upload(BTreeMap::new());
    assert_eq!(none.expect_err("nothing"), UploadError::Nothing);
    let unknown = upload("digit-key", key(&[7; 32])).expect_err("not declared");
    assert_eq!(unknown, UploadError::Unknown("digit-key".into()));
    assert_eq!(
        upload("shared", key(&[7; 16])).expect_err("generated"),
        UploadError::NotWritable("shared".into())
    );
    let short = upload("digits-key", key(&[7; 31])).expect_err("31 bytes");
    assert_eq!(short, UploadError::SizeMismatch("digits-key".into()));
    assert_eq!(
        upload("greeting", key(b"")).expect_err("empty"),
        UploadError::Size("greeting".into())
    );
    assert_eq!(
        upload("theirs", key(b"x")).expect_err("a key"),
        UploadError::NotAKey("theirs".into())
    );
    let garbage = Upload {
        certificate: Some(vec![1, 2, 3]),
        ..Upload::default()
    };
    assert_eq!(
        upload("theirs", garbage).expect_err("no DER"),
        UploadError::Certificate("theirs".into())
    );
    let certificate = Upload {
        certificate: Some(OWNER.der().to_vec()),
        ..key(b"hello")
    };
    let refused = upload("greeting", certificate).expect_err("plain is no certificate");
    assert_eq!(
        refused.to_string(),
        "secret greeting is set to be of type plain but specified values for a certificate"
    );
}

#[test]
fn one_bad_secret_spoils_the_whole_upload() {
    let manifest = accepted(&with("/Config", json!({})));
    let uploads = BTreeMap::from([
        ("digits-key".into(), key(&[7; 32])),
        ("greeting".into(), key(b"")),
    ]);
    assert!(manifest.check_upload(uploads).is_err());
}
