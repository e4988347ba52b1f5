//! Entry point: arguments in, exit code out.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use strongroom_crypto::UnixTime;
use strongroom_inference::config::{self, Config, Flags, Mode, table};
use strongroom_inference::server::Server;
use strongroom_service::{Shutdown, process, telemetry};

fn main() -> ExitCode {
    let start = Instant::now();
    let flags = match Flags::parse(std::env::args().skip(1)) {
        Ok(flags) => flags,
        Err(error) => {
            print(&format!("{error}\n{}", table::usage()));
            return ExitCode::from(FAILED);
        }
    };
    if flags.switch("help") {
        print(&table::usage());
        return ExitCode::from(FAILED);
    }
    if flags.switch("version") {
        print(&version(&flags));
        return ExitCode::SUCCESS;
    }
    if !flags.unknown().is_empty() {
        let line = |argument: &String| format!("unknown argument: {argument}\n");
        print(&(flags.unknown().iter().map(line).collect::<String>() + &table::usage()));
    }
    let log_format = config::log_format(&flags).unwrap_or_default();
    if let Err(error) = telemetry::init_at(log_format, log_filter()) {
        print(&format!("{error}\n"));
        return ExitCode::from(FAILED);
    }
    let confidential = flags.text("provision_file").is_some();
    match Config::new(&flags) {
        Ok(config) => serve(config, start),
        Err(error) => fail(error.code(), &error, confidential),
    }
}

fn serve(config: Config, start: Instant) -> ExitCode {
    let confidential = config.mode == Mode::Confidential;
    for (flag, why) in &config.ignored {
        tracing::warn!(flag, why, "a flag is accepted without effect");
    }
    if let Err(error) = process::forbid_core_dumps() {
        return fail("server.io", &error, confidential);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail("server.io", &error, confidential),
    };
    runtime.block_on(async {
        let shutdown = match Shutdown::on_signals() {
            Ok(shutdown) => shutdown,
            Err(error) => return fail("server.io", &error, confidential),
        };
        let clock = Arc::new(now);
        let server = match Server::start(config, clock, start, shutdown).await {
            Ok(server) => server,
            Err(error) => return fail(error.code(), &error, confidential),
        };
        match server.wait().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail("server.io", &error, confidential),
        }
    })
}

fn fail(code: &'static str, error: &dyn Error, confidential: bool) -> ExitCode {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some errors carry their cause in their own text.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    tracing::error!(code, error = text, "server does not start");
    print(&format!("Failed to start server. Error: {text}\n"));
    ExitCode::from(if confidential { FAILED_CONFIDENTIAL } else { FAILED })
}

// The variable by which TensorFlow's programs are told to say less.
fn log_filter() -> &'static str {
    match std::env::var("TF_CPP_MIN_LOG_LEVEL").as_deref() {
        Ok("1") => "warn",
        Ok("2" | "3") => "error",
        _ => "info",
    }
}

fn version(flags: &Flags) -> String {
    let library = config::tensorflow_version(flags);
    format!(
        "TensorFlow ModelServer: strongroom-inference {}\nTensorFlow Library: {}\n",
        env!("CARGO_PKG_VERSION"),
        library.as_deref().unwrap_or("none")
    )
}

// Operators read these lines on standard output, as TensorFlow Serving writes them.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this program that reads the clock"
)]
fn now() -> UnixTime {
    SystemTime::now().into()
}

/// What TensorFlow Serving exits with.
const FAILED: u8 = 255;
/// In confidential mode, so that a launcher can tell a refusal from any other end.
const FAILED_CONFIDENTIAL: u8 = 3;
