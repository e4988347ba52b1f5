//! The commands: one folder for each noun, one file for each verb.

pub(crate) mod attest;
#[cfg(feature = "simulation")]
pub(crate) mod demo;
pub(crate) mod deployment;
pub(crate) mod endorsements;
pub(crate) mod log;
pub(crate) mod manifest;
pub(crate) mod measure;
pub(crate) mod model;
pub(crate) mod policy;
pub(crate) mod predict;
pub(crate) mod recover;
pub(crate) mod recovery_key;
pub(crate) mod secret;
pub(crate) mod status;
pub(crate) mod user;
pub(crate) mod workload;

use std::process::ExitCode;

use anyhow::Context as _;

use crate::args::Command;
use crate::context::Context;

/// Runs one command to its end.
pub(crate) fn run(command: Command, context: &Context) -> anyhow::Result<ExitCode> {
    #[cfg(feature = "simulation")]
    if let Command::Demo(args) = &command {
        return demo::run(args);
    }
    // Evidence in files needs no network, and has exit codes of its own.
    if let Command::Attest(verb) = &command {
        return attest::run(verb, context);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(dispatch(command, context))?;
    Ok(ExitCode::SUCCESS)
}

async fn dispatch(command: Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Attest(_) => Ok(()),
        Command::Model(verb) => model::run(verb, context).await,
        Command::User(verb) => user::run(&verb, context),
        Command::RecoveryKey(verb) => recovery_key::run(&verb, context),
        Command::Workload(verb) => workload::run(&verb, context),
        Command::Measure(args) => measure::run(&args, context),
        Command::Policy(verb) => policy::run(&verb, context),
        Command::Deployment(verb) => deployment::run(verb, context).await,
        Command::Endorsements(verb) => endorsements::run(verb, context).await,
        Command::Manifest(verb) => manifest::run(verb, context).await,
        Command::Secret(verb) => secret::run(verb, context).await,
        Command::Status(args) => status::run(&args, context).await,
        Command::Recover(args) => recover::run(&args, context).await,
        Command::Log(verb) => log::run(verb, context).await,
        Command::Predict(args) => predict::run(&args, context).await,
        #[cfg(feature = "simulation")]
        Command::Demo(_) => Ok(()),
    }
}
