//! Who is known, and what each may do.

use serde_json::json;
use strongroom_crypto::issue::Usage;
use strongroom_crypto::time::UnixTime;
use strongroom_manifest::access::{ReadSecrets, UpdateManifest, UpdateSecurityVersions, WriteSecrets};
use strongroom_manifest::{AuthenticateError, Permission, SecretName};

use crate::fixture::{ADMIN, NOW, OWNER, accepted, good, mint, with};

#[test]
fn users_are_known_by_their_certificate_alone() {
    let manifest = accepted(&good());
    let owner = manifest
        .authenticate(OWNER.der(), NOW)
        .expect("the owner is known");
    assert_eq!(owner.user().as_str(), "owner");
    let stranger = mint("owner", Usage::Leaf);
    assert_eq!(
        manifest.authenticate(stranger.der(), NOW),
        Err(AuthenticateError::Unknown)
    );
    assert_eq!(manifest.authenticate(&[], NOW), Err(AuthenticateError::Unknown));
}

#[test]
fn expired_certificates_are_refused_unless_the_manifest_keeps_marblerun_s_rule() {
    let (later, earlier) = (NOW.plus(7200), UnixTime(NOW.0 - 7200));
    let manifest = accepted(&good());
    for time in [later, earlier] {
        let refused = manifest.authenticate(OWNER.der(), time);
        assert_eq!(refused, Err(AuthenticateError::Expired("owner".into())));
    }
    let lenient = accepted(&with("/Config/AcceptExpiredUserCertificates", json!(true)));
    assert!(lenient.authenticate(OWNER.der(), later).is_ok());
}

#[test]
fn roles_add_up_and_give_nothing_more() {
    let manifest = accepted(&good());
    let owner = manifest
        .authenticate(OWNER.der(), NOW)
        .expect("the owner is known");
    let admin = manifest
        .authenticate(ADMIN.der(), NOW)
        .expect("the admin is known");
    let names = |names: &[&str]| names.iter().copied().map(SecretName::from).collect::<Vec<_>>();

    let permit = owner
        .permit(WriteSecrets(names(&["digits-key"])))
        .expect("the owner may");
    assert_eq!(permit.user().as_str(), "owner");
    assert!(
        owner
            .permit(WriteSecrets(names(&["digits-key", "greeting"])))
            .is_err(),
        "all or nothing"
    );
    assert!(owner.permit(ReadSecrets(names(&["digits-key"]))).is_err());
    let denied = owner.permit(UpdateManifest).expect_err("the owner may not");
    assert_eq!(denied.permission, Permission::UpdateManifest);
    assert_eq!(denied.to_string(), "user owner may not update the manifest");

    assert!(admin.permit(UpdateManifest).is_ok());
    assert!(admin.permit(ReadSecrets(names(&["greeting"]))).is_ok());
    assert!(
        admin
            .permit(UpdateSecurityVersions(vec!["enclave".into()]))
            .is_ok()
    );
    assert!(
        admin
            .permit(UpdateSecurityVersions(vec!["launcher".into()]))
            .is_err()
    );
    assert!(admin.permit(WriteSecrets(names(&["digits-key"]))).is_err());
}
