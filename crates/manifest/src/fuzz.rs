//! Entry points for fuzzing; a stable test feeds them seeded mutations.

use strongroom_crypto::time::UnixTime;

use crate::manifest::Manifest;
use crate::template::{Place, Template};

/// Parses bytes as a manifest and asks an accepted one everything that can be asked.
pub fn parse(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes) else {
        return;
    };
    assert_eq!(manifest.raw(), bytes, "the bytes are kept as they were sent");
    let _ = (manifest.warnings(UnixTime(0)), manifest.exceptions());
    let _ = manifest.authenticate(bytes, UnixTime(0));
    for marble in manifest.marbles().keys() {
        let _ = manifest.secrets_needed(marble.as_str());
        assert!(
            manifest.expectation(marble).is_ok(),
            "every marble has a package that expects something"
        );
    }
    for secret in manifest.secrets().keys() {
        let _ = (
            manifest.secret_flow(secret.as_str()),
            manifest.secret_access(secret),
        );
    }
}

/// Parses bytes as a template of a file and of a variable.
pub fn template(bytes: &[u8]) {
    for place in [Place::File, Place::Env] {
        if let Ok(template) = Template::parse(bytes, place) {
            let _ = template.uses();
        }
    }
}
