//! `strongroom-launcher`: the first process of a workload. Parts and order stand in `strongroom_launcher::run`.

use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser as _;
use strongroom_crypto::time::UnixTime;
use strongroom_launcher::{Arguments, Config, Exit, LaunchError, stage};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == stage::ARGUMENT) {
        let error = stage::run(arguments.collect());
        tracing_off_the_record(&error);
        return ExitCode::from(STAGE_FAILED);
    }
    let arguments = Arguments::parse();
    if let Err(error) = strongroom_service::telemetry::init(arguments.log_format) {
        tracing_off_the_record(&error);
        return ExitCode::from(USAGE);
    }
    match launch(arguments) {
        Ok(Exit(code)) => ExitCode::from(code),
        Err(error) => {
            tracing::error!(code = error.code(), error = chain(&error), "launch failed");
            ExitCode::from(error.exit_code())
        }
    }
}

fn launch(arguments: Arguments) -> Result<Exit, LaunchError> {
    let config = Config::check(arguments, std::env::vars_os().map(|(name, _)| name))?;
    let attester = strongroom_attester::detect(&config.tee)?;
    let prepared = strongroom_launcher::prepare(config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|source| LaunchError::Setup {
            what: "runtime",
            source,
        })?;
    runtime.block_on(strongroom_launcher::run(prepared, attester, now))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where this program reads the clock"
)]
fn now() -> UnixTime {
    SystemTime::now().into()
}

/// Before there is a log, and in the stage, which has the program's standard error and no configuration.
#[expect(clippy::print_stderr, reason = "there is no log yet")]
fn tracing_off_the_record(error: &dyn std::error::Error) {
    eprintln!("strongroom-launcher: {}", chain(error));
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The launcher waits most of its life.
const WORKERS: usize = 2;
/// Exit codes of `docs/operations/launcher.md`.
const STAGE_FAILED: u8 = 106;
const USAGE: u8 = 2;
