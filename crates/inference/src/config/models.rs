//! Which models are served: one by flags, or the list of a `--model_config_file`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use strongroom_api::serving::model_server_config::Config as Choice;
use strongroom_api::serving::{ModelConfig, ModelConfigList};
use strongroom_bundle::BundleDigest;
use strongroom_crypto::digest::Digest32;

use super::{ConfigError, Flags, files};
use crate::clients::Clients;
use crate::model::keys::KeyFolder;
use crate::model::policy::VersionPolicy;
use crate::model::{ModelPlan, Source};

/// The models that flags name.
pub(super) fn of_flags(flags: &Flags) -> Result<Vec<ModelPlan>, ConfigError> {
    let mut digests = digests(flags)?;
    let keys = flags.text("model_keys_dir").map(KeyFolder::new);
    let mut plan = |name: &str, base: &str| {
        let source = match digests.remove(name) {
            None => Source::Plain {
                base: base.to_owned(),
            },
            Some(digests) => Source::Bundles {
                store: base.to_owned(),
                digests,
                key_id: None,
                keys: keys.clone(),
            },
        };
        ModelPlan {
            name: name.to_owned(),
            source,
            clients: Clients::anyone(),
            versions: VersionPolicy::default(),
            labels: BTreeMap::new(),
        }
    };
    let plans = match flags.text("model_config_file") {
        Some(path) => {
            let list = list(Path::new(path))?;
            check(&list)?;
            let configured = |config: &ModelConfig| ModelPlan {
                versions: config
                    .model_version_policy
                    .as_ref()
                    .map(VersionPolicy::from)
                    .unwrap_or_default(),
                labels: config.version_labels.clone(),
                ..plan(&config.name, &config.base_path)
            };
            list.config.iter().map(configured).collect()
        }
        None => {
            let name = flags.text("model_name").unwrap_or("default");
            let Some(base) = flags.text("model_base_path") else {
                let text =
                    "Both server_options.model_base_path and server_options.model_config_file are empty!";
                return Err(ConfigError::Value(text.to_owned()));
            };
            vec![plan(name, base)]
        }
    };
    match digests.keys().next() {
        None => Ok(plans),
        Some(name) => Err(ConfigError::Value(format!(
            "--model_bundle_digest names model {name:?}, which is not served"
        ))),
    }
}

fn digests(flags: &Flags) -> Result<BTreeMap<String, Vec<BundleDigest>>, ConfigError> {
    let mut digests: BTreeMap<String, Vec<BundleDigest>> = BTreeMap::new();
    for value in flags.all("model_bundle_digest") {
        let (model, digest) = value.split_once('=').ok_or_else(|| {
            ConfigError::Value(format!("--model_bundle_digest takes NAME=HEX, not {value:?}"))
        })?;
        let digest: Digest32 = digest.parse().map_err(|_| {
            ConfigError::Value(format!("{digest:?} is no bundle digest (64 hexadecimal digits)"))
        })?;
        digests
            .entry(model.to_owned())
            .or_default()
            .push(BundleDigest(digest));
    }
    Ok(digests)
}

fn list(path: &Path) -> Result<ModelConfigList, ConfigError> {
    match files::model_config(path)?.config {
        Some(Choice::ModelConfigList(list)) => Ok(list),
        None => Ok(ModelConfigList::default()),
        Some(Choice::CustomModelConfig(_)) => Err(ConfigError::Value(
            "ModelServer does not yet support custom model config.".to_owned(),
        )),
    }
}

/// The rules of TensorFlow Serving, with its texts.
fn check(list: &ModelConfigList) -> Result<(), ConfigError> {
    let refused = |text: String| Err(ConfigError::Value(text));
    let mut names = BTreeSet::new();
    for config in &list.config {
        let name = &config.name;
        if !names.insert(name) {
            return refused(format!(
                "Illegal to list model {name} multiple times in config list"
            ));
        }
        if !(config.base_path.starts_with('/') || config.base_path.contains("://")) {
            return refused(format!(
                "Expected model {name} to have an absolute path or URI; got base_path()={}",
                config.base_path
            ));
        }
        #[expect(
            deprecated,
            reason = "files of old still set it, and it is refused or understood as the original does"
        )]
        let model_type = config.model_type;
        match (model_type, config.model_platform.as_str()) {
            (0, "") => {
                return refused(format!(
                    "Illegal setting neither ModelServerConfig::model_type (deprecated) nor \
                     ModelServerConfig::model_platform, model name is {name}"
                ));
            }
            (0, PLATFORM) | (TYPE_TENSORFLOW, "") => {}
            (0, other) => return refused(format!("Model {name} requests unsupported platform {other}")),
            (_, "") => {
                return refused(format!(
                    "Model {name} requests unsupported model type {model_type}"
                ));
            }
            _ => {
                return refused(format!(
                    "Illegal setting both ModelServerConfig::model_type (deprecated) and \
                     ModelServerConfig::model_platform, model name is {name}"
                ));
            }
        }
        if config.logging_config.is_some() {
            return refused("No request-logger-creator provided.".to_owned());
        }
    }
    Ok(())
}

/// The platform that TensorFlow Serving knows. What runs a model is decided by its files.
const PLATFORM: &str = "tensorflow";
/// `ModelType.TENSORFLOW`.
const TYPE_TENSORFLOW: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> Result<Vec<ModelPlan>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("models.config");
        std::fs::write(&path, text).expect("a file");
        let flags = Flags::parse([format!("--model_config_file={}", path.display())]).expect("flags");
        of_flags(&flags).map_err(|error| error.to_string())
    }

    fn listed(config: &str) -> Result<Vec<ModelPlan>, String> {
        outcome(&format!("model_config_list {{ config {{ {config} }} }}"))
    }

    #[test]
    fn a_list_names_models_versions_and_labels() {
        let plans = listed(
            "name: 'a' base_path: '/m' model_platform: 'tensorflow' model_version_policy { specific { versions: 3 \
             versions: 5 } } version_labels { key: 'stable' value: 3 }",
        )
        .expect("a good list");
        assert_eq!(plans.len(), 1);
        assert_eq!(plans[0].versions, VersionPolicy::Specific([3, 5].into()));
        assert_eq!(plans[0].labels, BTreeMap::from([("stable".to_owned(), 3)]));
        assert!(outcome("").expect("no models").is_empty());
    }

    #[test]
    fn refuses_with_the_texts_that_operators_know() {
        let refused = |config: &str| listed(config).expect_err("refused");
        for (config, text) in [
            (
                "name: 'a' base_path: 'm' model_platform: 'tensorflow'",
                "Expected model a to have an absolute path or URI; got base_path()=m",
            ),
            (
                "name: 'a' base_path: '/m'",
                "Illegal setting neither ModelServerConfig::model_type (deprecated) nor \
                 ModelServerConfig::model_platform, model name is a",
            ),
            (
                "name: 'a' base_path: '/m' model_platform: 'x'",
                "Model a requests unsupported platform x",
            ),
            (
                "name: 'a' base_path: '/m' model_platform: 'tensorflow' logging_config {}",
                "No request-logger-creator provided.",
            ),
        ] {
            assert_eq!(refused(config), text);
        }
        let one = "config { name: 'a' base_path: '/m' model_platform: 'tensorflow' }";
        let twice = outcome(&format!("model_config_list {{ {one} {one} }}")).expect_err("twice");
        assert_eq!(twice, "Illegal to list model a multiple times in config list");
        let custom = "custom_model_config { type_url: 'type.googleapis.com/x' }";
        assert_eq!(
            outcome(custom).expect_err("custom"),
            "ModelServer does not yet support custom model config."
        );
    }
}
