//! Entry point: arguments in, exit code out. The only place that reads the clock.

use std::process::ExitCode;

#[expect(clippy::disallowed_methods, reason = "the clock is read here and passed down")]
fn main() -> ExitCode {
    strongroom_cli::run(std::env::args_os(), std::time::SystemTime::now())
}
