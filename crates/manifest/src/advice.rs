//! What a manifest allows that it need not: warnings for whoever writes it, exceptions for whoever has to trust it.

use std::fmt;

use strongroom_crypto::time::UnixTime;

use crate::check::argument_secrets;
use crate::config::{LEAF_VALIDITY_HOURS_DEFAULT, SealMode};
use crate::flow::templates_take;
use crate::manifest::Manifest;
use crate::marble::Marble;
use crate::model::Clients;
use crate::package::Package;
use crate::problem::Path;

mod package;
mod platform;
use package::package_exceptions;

/// Something that is allowed but unwise.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Warning {
    /// Stable word for the kind of warning.
    pub code: &'static str,
    /// JSON path of the place.
    pub path: String,
    /// What it means.
    pub message: String,
}

/// Something by which this deployment is weaker than it could be: a client sees each before it trusts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Exception {
    /// Stable word for the kind of exception.
    pub code: &'static str,
    /// What it concerns: `package inference`, `model digits`, `config` …
    pub subject: String,
    /// What it means.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.message)
    }
}

impl Manifest {
    /// What is allowed but unwise, each with its place; the exceptions are among it.
    ///
    /// `now` tells which named exceptions have ended, or soon will.
    pub fn warnings(&self, now: UnixTime) -> Vec<Warning> {
        let mut warnings = Warnings(Vec::new());
        self.package_warnings(now, &mut warnings);
        for (name, marble) in self.marbles() {
            self.marble_warnings(marble, &at("Marbles", name.as_str()), &mut warnings);
        }
        self.model_warnings(&mut warnings);
        self.secret_warnings(&mut warnings);
        self.deployment_warnings(&mut warnings);
        warnings.0
    }

    /// The exceptions in force, in a fixed order.
    pub fn exceptions(&self) -> Vec<Exception> {
        let mut list = Vec::new();
        for (name, package) in self.packages() {
            for (code, message) in package_exceptions(package) {
                list.push(Exception {
                    code,
                    subject: format!("package {name}"),
                    message,
                });
            }
        }
        for (name, marble) in self.marbles() {
            if marble.disable_secret_binding {
                let message = "its per-marble secrets are also those of other types without secret binding";
                list.push(exception(
                    "secret_binding_disabled",
                    format!("marble {name}"),
                    message,
                ));
            }
            if marble.dns_names.is_empty() {
                let message = "may have any name in its certificate that no other marble lists";
                list.push(exception("any_name", format!("marble {name}"), message));
            }
        }
        for (name, model) in self.models() {
            if model.clients == Clients::Anyone {
                let message = "anyone may predict; a model can be copied by asking it often enough";
                list.push(exception("clients_anyone", format!("model {name}"), message));
            }
        }
        for (name, _) in self
            .secrets()
            .iter()
            .filter(|(name, secret)| secret.guarded == Some(false) && self.parts().is_model_key(name))
        {
            let message = "a model key that is not guarded: holders of the recovery keys can read it";
            list.push(exception(
                "unguarded_model_key",
                format!("secret {name}"),
                message,
            ));
        }
        let config = self.config();
        if config.accept_expired_user_certificates {
            let message = "expired certificates of users are accepted";
            list.push(exception(
                "expired_user_certificates",
                "config".to_owned(),
                message,
            ));
        }
        if let Some(hours) = config
            .leaf_validity_hours
            .filter(|hours| *hours > LEAF_VALIDITY_HOURS_DEFAULT)
        {
            let message = format!("certificates of marbles are valid for {hours} hours");
            list.push(Exception {
                code: "long_leaf_validity",
                subject: "config".to_owned(),
                message,
            });
        }
        list
    }

    fn marble_warnings(&self, marble: &Marble, path: &Path, warnings: &mut Warnings) {
        if marble.max_activations == 0 {
            let message = "no limit: whoever runs the package can start as many as they like";
            warnings.push("activations_unlimited", &path.key("MaxActivations"), message);
        }
        if marble.dns_names.is_empty() {
            let message = "no names are listed: the host chooses any that no other marble lists";
            warnings.push("any_name", &path.key("DNSNames"), message);
        }
        if marble.disable_secret_binding {
            let message = "its per-marble secrets are also those of other types without secret binding";
            warnings.push(
                "secret_binding_disabled",
                &path.key("DisableSecretBinding"),
                message,
            );
        }
        let parameters = path.key("Parameters");
        for (file, content) in &marble.parameters.files {
            let place = parameters.key("Files").key(file);
            if content
                .template()
                .is_some_and(crate::template::Template::renders_marble_key)
            {
                let message = "renders the marble's private key: the coordinator makes and knows it";
                warnings.push("coordinator_made_key", &place, message);
            }
            if !file.starts_with('/') {
                warnings.push(
                    "relative_path",
                    &place,
                    "a relative path depends on where the marble is started",
                );
            }
        }
        for (variable, content) in &marble.parameters.env {
            let place = parameters.key("Env").key(variable);
            if content
                .template()
                .is_some_and(crate::template::Template::renders_marble_key)
            {
                let message = "renders the marble's private key: the coordinator makes and knows it";
                warnings.push("coordinator_made_key", &place, message);
            }
            if variable.starts_with("LD_") || variable == "GLIBC_TUNABLES" {
                let message = "the launcher drops variables that change how programs are loaded";
                warnings.push("variable_dropped", &place, message);
            }
        }
        for (index, argument) in marble.parameters.argv.iter().enumerate() {
            if !argument_secrets(argument).is_empty() {
                let message = "arguments are no templates: the marble gets this text as it stands";
                warnings.push(
                    "template_in_argument",
                    &parameters.key("Argv").index(index),
                    message,
                );
            }
        }
    }

    fn model_warnings(&self, warnings: &mut Warnings) {
        for (name, model) in self.models() {
            let path = at("Models", name.as_str());
            if model.clients == Clients::Anyone {
                let message = "anyone may predict; a model can be copied by asking it often enough";
                warnings.push("clients_anyone", &path.key("Clients"), message);
            }
            if !self.marbles().values().any(|marble| marble.models.contains(name)) {
                warnings.push("model_unused", &path, "no marble serves it");
            }
            if model.store.starts_with("http://") {
                warnings.push(
                    "plain_http",
                    &path.key("Store"),
                    "anyone on the way sees which model is loaded",
                );
            }
        }
    }

    fn secret_warnings(&self, warnings: &mut Warnings) {
        for (name, secret) in self.secrets() {
            let path = at("Secrets", name.as_str());
            let is_key = self.parts().is_model_key(name);
            if is_key && secret.guarded == Some(false) {
                let message = "a model key that is not guarded: holders of the recovery keys can read it";
                warnings.push("unguarded_model_key", &path.key("Guarded"), message);
            }
            if secret.user_defined && self.secret_access(name).writers.is_empty() {
                warnings.push("nobody_writes", &path, "no role lets anybody upload it");
            }
            if !self.is_guarded(name) {
                continue;
            }
            for (marble_type, marble) in self
                .marbles()
                .iter()
                .filter(|(_, marble)| templates_take(marble, name))
            {
                let message = format!("guarded secret that marble {marble_type} gets by file or variable");
                warnings.push(
                    "guarded_in_template",
                    &at("Marbles", marble_type.as_str()),
                    message,
                );
                let _ = marble;
            }
        }
    }

    fn deployment_warnings(&self, warnings: &mut Warnings) {
        let root = Path::root();
        let taken =
            |name: &&crate::PackageName| self.packages().get(*name).is_some_and(Package::has_workloads);
        for name in self.coordinator().packages.iter().filter(taken) {
            let message =
                format!("no coordinator is of package {name}: it lists `Workloads`, which launchers have");
            warnings.push(
                "coordinator_with_workloads",
                &root.key("Coordinator").key("Packages"),
                message,
            );
        }
        let config = root.key("Config");
        if self.recovery_keys().is_empty() {
            let message = "none: if the platform loses its sealing key, the state is lost for ever";
            warnings.push("no_recovery", &root.key("RecoveryKeys"), message);
        }
        if self.recovery_keys().len() == 1 {
            let message = "one holder alone can open the stored state and read all that is not guarded";
            warnings.push("single_recovery_key", &root.key("RecoveryKeys"), message);
        }
        if self.update_acknowledgements() == 1 {
            warnings.push(
                "single_updater",
                &root.key("Users"),
                "one user alone can replace this manifest",
            );
        }
        for (name, _) in self.infrastructures().iter().filter(|(_, one)| one.is_open()) {
            let path = root.key("Infrastructures").key(name);
            let message = "asks for nothing: every platform is one of these infrastructures";
            warnings.push("infrastructure_open", &path, message);
        }
        if self.config().accept_expired_user_certificates {
            let path = config.key("AcceptExpiredUserCertificates");
            warnings.push(
                "expired_user_certificates",
                &path,
                "expired certificates of users are accepted",
            );
        }
        if self.config().seal_mode == SealMode::Disabled {
            let message = "nothing is kept: after a restart there is no manifest and no secret";
            warnings.push("seal_disabled", &config.key("SealMode"), message);
        }
    }
}

struct Warnings(Vec<Warning>);

impl Warnings {
    fn push(&mut self, code: &'static str, path: &Path, message: impl Into<String>) {
        self.0.push(Warning {
            code,
            path: path.to_string(),
            message: message.into(),
        });
    }
}

fn at(section: &str, name: &str) -> Path {
    Path::root().key(section).key(name)
}

fn exception(code: &'static str, subject: String, message: &str) -> Exception {
    Exception {
        code,
        subject,
        message: message.to_owned(),
    }
}
