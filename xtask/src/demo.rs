//! `cargo demo`: builds the programs with the software platform and becomes `strongroom demo`.
//!
//! The program replaces this process, so that its exit code, its terminal and the signals sent to it are the demo's own.
//! The last line on standard output starts with `demo:` in every mode; up to the replacement that is this file's duty.

use std::{
    convert::Infallible,
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};

use crate::{
    cargo,
    metadata::{Metadata, Scope},
};

/// The packages that the demo's processes come from.
pub(crate) const PACKAGES: [&str; 5] = [
    "strongroom-cli",
    "strongroom-coordinator",
    "strongroom-launcher",
    "strongroom-inference",
    "strongroom-simulator",
];

/// The software platform, where a package has it as a feature.
pub(crate) const FEATURES: &str =
    "strongroom-cli/simulation,strongroom-coordinator/simulation,strongroom-launcher/simulation";

/// Says what would be handed to the demo, and runs nothing: for the test of the three ways to call it.
const PRINT_ARGUMENTS: &str = "--print-arguments";

pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    let mut arguments = without_leading_dashes(arguments);
    if arguments.first().is_some_and(|first| first == PRINT_ARGUMENTS) {
        arguments.remove(0);
        println!("{arguments:?}\ndemo: arguments only");
        return ExitCode::SUCCESS;
    }
    let Err(error) = start(&arguments);
    eprintln!("xtask: {error:#}");
    println!("demo: not started, see above");
    ExitCode::FAILURE
}

/// Cargo hands a literal `--` on: `cargo demo -- --keep` arrives as `-- --keep`, `cargo demo --keep` as `--keep`.
fn without_leading_dashes(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.first().is_some_and(|first| first == OsStr::new("--")) {
        arguments.remove(0);
    }
    arguments
}

/// Returns only if something went wrong.
fn start(arguments: &[OsString]) -> Result<Infallible> {
    build("release")?;
    let program = Metadata::read(Scope::Members)?.program("release", "strongroom");
    let error = Command::new(&program).arg("demo").args(arguments).exec();
    Err(error).with_context(|| format!("could not start {}", program.display()))
}

/// Builds the programs with the software platform.
pub(crate) fn build(profile: &str) -> Result<()> {
    let mut command = cargo::command(["build", "--profile", profile, "--bins", "--features", FEATURES]);
    for package in PACKAGES {
        command.args(["-p", package]);
    }
    cargo::must(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], expected: &[&str]) {
        let given = given.iter().map(OsString::from).collect();
        let expected: Vec<_> = expected.iter().map(OsString::from).collect();
        assert_eq!(without_leading_dashes(given), expected);
    }

    #[test]
    fn one_leading_pair_of_dashes_is_dropped_and_no_more() {
        check(&[], &[]);
        check(&["--"], &[]);
        check(&["--keep"], &["--keep"]);
        check(&["--", "--keep"], &["--keep"]);
        check(&["--", "--", "--keep"], &["--", "--keep"]);
        check(&["--keep", "--"], &["--keep", "--"]);
        check(
            &["--store", "s3://models/digits"],
            &["--store", "s3://models/digits"],
        );
    }
}
