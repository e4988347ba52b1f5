//! What marbles are given: files and variables rendered with secrets.

use std::collections::BTreeMap;

use serde_json::json;
use strongroom_crypto::secret::SecretBytes;
use strongroom_manifest::{Identity, Manifest, RenderError, Rendered, SecretValue, TemplateData};

use crate::fixture::{ADMIN, CLIENT_CA, OWNER, accepted, good, set, with};

fn render(manifest: &Manifest, secrets: &[(&str, &SecretValue)]) -> Result<Rendered, RenderError> {
    let key = SecretBytes::new(b"private key".to_vec());
    let data = TemplateData {
        identity: Identity {
            root_ca: CLIENT_CA.der(),
            coordinator_root: OWNER.der(),
            coordinator_intermediate: OWNER.der(),
            marble_certificate: ADMIN.der(),
            marble_public_key: ADMIN.spki_der(),
            marble_private_key: Some(&key),
        },
        secrets: secrets.iter().copied().collect(),
        previous: BTreeMap::new(),
    };
    manifest.render("inference", &data)
}

fn plain(text: &[u8]) -> SecretValue {
    SecretValue::Plain(SecretBytes::copy_of(text))
}

#[test]
fn files_and_variables_are_rendered_and_arguments_are_not() {
    let mut manifest = good();
    set(
        &mut manifest,
        "/Marbles/inference/Parameters/Argv/-",
        json!("{{ hex .Secrets.shared }}"),
    );
    let rendered = render(&accepted(&manifest), &[("greeting", &plain(b"hello"))]).expect("all is set");
    assert_eq!(rendered.env["GREETING"].expose(), b"hello");
    assert_eq!(
        rendered.files["/etc/ca.pem"].expose(),
        CLIENT_CA.to_pem().as_bytes()
    );
    assert_eq!(
        rendered.argv,
        ["strongroom-inference", "{{ hex .Secrets.shared }}"]
    );
}

#[test]
fn an_unset_secret_is_named() {
    let unset = render(&accepted(&good()), &[]).expect_err("nobody set it");
    assert_eq!(unset, RenderError::Unset("greeting".into()));
    let needed = accepted(&good()).secrets_needed("inference");
    let needed: Vec<&str> = needed.iter().map(|name| name.as_str()).collect();
    assert_eq!(needed, ["digits-key", "greeting"]);
}

#[test]
fn variables_hold_text_only() {
    let manifest = accepted(&good());
    for bad in [&b"a\0b"[..], b"\xff"] {
        let refused = render(&manifest, &[("greeting", &plain(bad))]).expect_err("no text");
        assert_eq!(refused, RenderError::NotText("greeting".into()));
    }
    let symmetric = SecretValue::Symmetric(SecretBytes::new(b"hello".to_vec()));
    let refused = render(&manifest, &[("greeting", &symmetric)]).expect_err("another type");
    assert_eq!(refused, RenderError::NotPlain("greeting".into()));
}

#[test]
fn encodings() {
    let templates = json!({
        "hex": "{{ hex .Secrets.shared }}",
        "raw": "{{ raw .Secrets.shared }}",
        "base64": "{{ .Secrets.shared.Private | base64 }}",
        "pem": "{{ pem .MarbleRun.MarbleCert.Private }}",
        "index": "{{ base64 (index .Secrets \"digits-key\") }}",
    });
    let manifest = accepted(&with(
        "/Marbles/inference/Parameters",
        json!({ "Files": templates }),
    ));
    let shared = SecretValue::Symmetric(SecretBytes::new(vec![0xfb, 0xff]));
    let key = SecretValue::Symmetric(SecretBytes::new(vec![0; 3]));
    let rendered = render(&manifest, &[("shared", &shared), ("digits-key", &key)]).expect("all is set");
    let file = |name: &str| rendered.files[name].expose();
    assert_eq!(file("hex"), b"fbff");
    assert_eq!(file("raw"), [0xfb, 0xff]);
    assert_eq!(file("base64"), b"+/8=");
    assert_eq!(
        file("pem"),
        b"-----BEGIN PRIVATE KEY-----\ncHJpdmF0ZSBrZXk=\n-----END PRIVATE KEY-----\n"
    );
    assert_eq!(file("index"), b"AAAA");
    assert!(manifest.renders_marble_key("inference"));
    assert!(!accepted(&good()).renders_marble_key("inference"));
}

#[test]
fn certificates_render_by_part() {
    let templates = json!({
        "all": "{{ pem .Secrets.web.Cert }}{{ pem .Secrets.web.Private }}",
        "public": "{{ hex .Secrets.web }}",
    });
    let manifest = accepted(&with(
        "/Marbles/inference/Parameters",
        json!({ "Files": templates }),
    ));
    let value = |private_key| SecretValue::Certificate {
        certificate: Box::new(OWNER.clone()),
        private_key,
    };
    let whole = value(Some(SecretBytes::new(vec![1])));
    let rendered = render(&manifest, &[("web", &whole)]).expect("all is set");
    let all = [
        OWNER.to_pem().as_str(),
        "-----BEGIN PRIVATE KEY-----\nAQ==\n-----END PRIVATE KEY-----\n",
    ]
    .concat();
    assert_eq!(rendered.files["all"].expose(), all.as_bytes());
    assert_eq!(
        rendered.files["public"].expose(),
        hex::encode(OWNER.spki_der()).as_bytes()
    );
    let without_key = value(None);
    let refused = render(&manifest, &[("web", &without_key)]).expect_err("the user kept the key");
    assert_eq!(refused, RenderError::Empty("web".into()));
}

#[test]
fn what_grows_without_end_is_refused() {
    let large = SecretValue::Plain(SecretBytes::new(vec![b'x'; 1 << 20]));
    let text = "{{ string .Secrets.greeting }}".repeat(17);
    let manifest = accepted(&with("/Marbles/inference/Parameters/Env/GREETING", json!(text)));
    assert_eq!(
        render(&manifest, &[("greeting", &large)]).expect_err("17 MiB"),
        RenderError::TooLarge
    );
}
