//! What can be typed: nouns, and verbs below them.

use clap::{Parser, Subcommand};

use crate::cmd;

/// Confidential AI inference for parties who do not trust one another.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed or refused by the other end, 2 not understood, 3 something that \
had to be verified did not hold, 4 the other end cannot be reached."
)]
pub(crate) struct Cli {
    /// Print JSON: results on standard output, {"error": …} on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The nouns.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Evidence: check and explain it; what this machine could attest with.
    #[command(subcommand)]
    Attest(cmd::attest::Command),
    /// Keys and encrypted bundles of models.
    #[command(subcommand)]
    Model(cmd::model::Command),
    /// Certificates of the users that a manifest names.
    #[command(subcommand)]
    User(cmd::user::Command),
    /// Recovery keys, which bring a deployment's state back on another machine.
    #[command(subcommand)]
    RecoveryKey(cmd::recovery_key::Command),
    /// Workload descriptions: what runs, and what of it is measured.
    #[command(subcommand)]
    Workload(cmd::workload::Command),
    /// The measurement of a program on the software platform.
    Measure(cmd::measure::Args),
    /// Policies: what you expect of a deployment.
    #[command(subcommand)]
    Policy(cmd::policy::Command),
    /// Deployments: verify who runs what before you rely on it.
    #[command(subcommand)]
    Deployment(cmd::deployment::Command),
    /// What vendors sign about platforms, as a coordinator keeps it.
    #[command(subcommand)]
    Endorsements(cmd::endorsements::Command),
    /// Manifests: what may run in a deployment, and who may do what.
    #[command(subcommand)]
    Manifest(cmd::manifest::Command),
    /// Secrets of a deployment.
    #[command(subcommand)]
    Secret(cmd::secret::Command),
    /// What a coordinator says of itself.
    Status(cmd::status::Args),
    /// Bring a coordinator's state back with a recovery key.
    Recover(cmd::recover::Args),
    /// The audit log.
    #[command(subcommand)]
    Log(cmd::log::Command),
    /// Ask a model, over a channel to a verified workload.
    Predict(cmd::predict::Args),
    /// Play the seven steps and five attacks on this machine, with SIMULATED hardware.
    #[cfg(feature = "simulation")]
    Demo(cmd::demo::Args),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    /// Every verb says what it does, and no secret can be given on the command line: secrets come by file.
    #[test]
    fn every_verb_has_help_and_takes_secrets_by_file_only() {
        fn visit(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} says nothing of itself");
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let name = argument.get_id().as_str();
                assert!(
                    argument.get_help().is_some(),
                    "{path}: {name} says nothing of itself"
                );
                if ["key", "new_key", "secret", "cert"].contains(&name) {
                    let value = argument.get_value_names().unwrap_or_default();
                    assert_eq!(value, ["FILE"], "{path}: {name} is given by file");
                }
            }
            command.get_subcommands().for_each(|verb| visit(verb, &path));
        }
        visit(&Cli::command(), "");
    }

    #[test]
    fn json_may_stand_anywhere() {
        for arguments in [
            ["strongroom", "--json", "measure", "x"],
            ["strongroom", "measure", "x", "--json"],
        ] {
            assert!(Cli::try_parse_from(arguments).unwrap().json);
        }
    }
}
