//! Profiles of the AWS tools: `~/.aws/credentials` and `~/.aws/config`, as far as they hold keys, region and endpoint.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use object_store::aws::AmazonS3ConfigKey;

use super::{Environment, StoreError};

/// Settings of one profile. Empty where there is no such file and none was asked for.
pub(super) struct Profile {
    name: String,
    values: BTreeMap<String, String>,
}

/// Ways to get credentials that need another program or a browser.
const NOT_FOLLOWED: [&str; 5] = [
    "sso_session",
    "sso_start_url",
    "credential_process",
    "source_profile",
    "credential_source",
];

impl Profile {
    /// The profile that `AWS_PROFILE` names, or `default`.
    ///
    /// # Errors
    /// [`StoreError::Configuration`] where a profile was asked for by name and is nowhere, or a file cannot be read.
    pub(super) fn load(environment: &Environment) -> Result<Self, StoreError> {
        let asked = environment
            .get("AWS_PROFILE")
            .or_else(|| environment.get("AWS_DEFAULT_PROFILE"));
        let name = asked.unwrap_or("default").to_owned();
        let file = |variable: &str, below_home: &str| {
            let named = environment.get(variable).map(PathBuf::from);
            named.or_else(|| {
                environment
                    .get("HOME")
                    .map(|home| Path::new(home).join(".aws").join(below_home))
            })
        };
        let mut values = BTreeMap::new();
        let mut found = false;
        // Credentials stand above configuration, so they are read last.
        let config_section = if name == "default" {
            name.clone()
        } else {
            format!("profile {name}")
        };
        for (path, section) in [
            (file("AWS_CONFIG_FILE", "config"), &config_section),
            (file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), &name),
        ] {
            let Some(path) = path else { continue };
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    let what = format!("{} cannot be read: {error}", path.display());
                    return Err(StoreError::Configuration { what });
                }
            };
            if let Some(section) = section_of(&text, section) {
                found = true;
                values.extend(section);
            }
        }
        if asked.is_some() && !found {
            let what = format!("AWS profile {name:?} stands in neither ~/.aws/config nor ~/.aws/credentials");
            return Err(StoreError::Configuration { what });
        }
        Ok(Self { name, values })
    }

    /// What the store takes over. Keys come as a set: those of the environment are never mixed with a profile's.
    pub(super) fn settings(
        &self,
        environment_has_keys: bool,
    ) -> impl Iterator<Item = (AmazonS3ConfigKey, &str)> {
        const KEYS: [(&str, AmazonS3ConfigKey); 3] = [
            ("aws_access_key_id", AmazonS3ConfigKey::AccessKeyId),
            ("aws_secret_access_key", AmazonS3ConfigKey::SecretAccessKey),
            ("aws_session_token", AmazonS3ConfigKey::Token),
        ];
        const OTHERS: [(&str, AmazonS3ConfigKey); 2] = [
            ("region", AmazonS3ConfigKey::Region),
            ("endpoint_url", AmazonS3ConfigKey::Endpoint),
        ];
        let keys = if environment_has_keys { &[][..] } else { &KEYS[..] };
        let all = keys.iter().chain(&OTHERS);
        all.filter_map(|(name, key)| Some((*key, self.values.get(*name)?.as_str())))
    }

    /// Why this profile gives no keys, where it names a way that is not followed.
    pub(super) fn complaint(&self) -> Option<String> {
        let way = NOT_FOLLOWED.iter().find(|way| self.values.contains_key(**way))?;
        let name = &self.name;
        Some(format!(
            "AWS profile {name:?} uses {way}, which is not followed: \
             take its keys over with `aws configure export-credentials --profile {name} --format env`"
        ))
    }
}

/// Names and values of one section of an INI file. Indented lines belong to the value above and are left out.
fn section_of(text: &str, wanted: &str) -> Option<BTreeMap<String, String>> {
    let mut values = None;
    let mut inside = false;
    for line in text.lines() {
        let indented = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) || indented {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            inside = name.split_whitespace().eq(wanted.split_whitespace());
            if inside {
                values.get_or_insert_with(BTreeMap::new);
            }
        } else if inside && let Some((name, value)) = line.split_once('=') {
            let values = values.get_or_insert_with(BTreeMap::new);
            values.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_section_that_was_asked_for() {
        let text = "# note\n[default]\nregion = eu\n[profile  lab]\nregion=us ; x\ns3 =\n  addressing_style = path\nA = b=c\n";
        assert_eq!(section_of(text, "default").unwrap()["region"], "eu");
        let lab = section_of(text, "profile lab").unwrap();
        assert_eq!(lab["a"], "b=c");
        assert!(!lab.contains_key("addressing_style"));
        assert!(section_of(text, "lab").is_none());
    }
}
