//! Builds what is shipped, and searches it for simulation code.
//!
//! The shipped programs are a package set of their own: cargo unites features across one build, so a build that holds
//! the simulator (or the e2e tests) would switch the software platform on in all of them. A search that finds nothing
//! proves something only if it would find it: the demo's build of the same programs is searched first, and must answer.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    cargo, demo,
    metadata::{Metadata, Scope},
};

/// Package and program of what is shipped. The simulator is not.
const SHIPPED: [(&str, &str); 4] = [
    ("strongroom-cli", "strongroom"),
    ("strongroom-coordinator", "strongroom-coordinator"),
    ("strongroom-launcher", "strongroom-launcher"),
    ("strongroom-inference", "strongroom-inference"),
];

/// Programs of the demo's build that hold the software platform: what the search must find.
const SIMULATED: [&str; 4] = [
    "strongroom",
    "strongroom-coordinator",
    "strongroom-launcher",
    "strongroom-simulator",
];

/// What the code of the software platform carries into each program that links it.
const MARKER: &str = "strongroom-simulation-platform";

pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let profile = profile(arguments)?;
    let metadata = Metadata::read(Scope::Members)?;

    demo::build("release")?;
    for name in SIMULATED {
        let program = metadata.program("release", name);
        if !holds_marker(&program)? {
            bail!(
                "the search is blind: the demo's {} does not hold {MARKER:?}",
                program.display()
            );
        }
    }

    build(&profile)?;
    let mut guilty: Vec<PathBuf> = Vec::new();
    for (_, name) in SHIPPED {
        let program = metadata.program(&profile, name);
        if holds_marker(&program)? {
            guilty.push(program.clone());
        }
        println!(
            "release: {} {} bytes",
            program.display(),
            fs::metadata(&program)?.len()
        );
    }
    if !guilty.is_empty() {
        bail!("simulation code ({MARKER:?}) in {guilty:?}");
    }
    println!(
        "release: no simulation code in {} programs (profile {profile})",
        SHIPPED.len()
    );
    Ok(ExitCode::SUCCESS)
}

fn profile(arguments: &[OsString]) -> Result<String> {
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    match words.iter().map(AsRef::as_ref).collect::<Vec<_>>()[..] {
        [] => Ok("dist".to_owned()),
        ["--profile", name @ ("dist" | "release")] => Ok(name.to_owned()),
        ["--profile", other] => bail!("profile {other:?} is not for release: dist or release"),
        _ => bail!("release takes `--profile dist` or `--profile release`, found {words:?}"),
    }
}

fn build(profile: &str) -> Result<()> {
    let mut command = cargo::command(["build", "--locked", "--profile", profile, "--bins"]);
    for (package, _) in SHIPPED {
        command.args(["-p", package]);
    }
    cargo::must(&mut command)
}

fn holds_marker(program: &Path) -> Result<bool> {
    let bytes = fs::read(program).with_context(|| format!("could not read {}", program.display()))?;
    Ok(holds(&bytes, MARKER.as_bytes()))
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_is_found_anywhere_and_only_whole() {
        let program = |middle: &str| [&[0_u8, 255, 7][..], middle.as_bytes(), &[0, 1]].concat();
        assert!(holds(&program(MARKER), MARKER.as_bytes()));
        assert!(holds(MARKER.as_bytes(), MARKER.as_bytes()));
        assert!(!holds(&program(&MARKER[1..]), MARKER.as_bytes()));
        assert!(!holds(b"", MARKER.as_bytes()));
    }

    #[test]
    fn only_the_two_profiles_that_ship_are_taken() {
        let parse = |words: &[&str]| profile(&words.iter().map(OsString::from).collect::<Vec<_>>()).ok();
        assert_eq!(parse(&[]).as_deref(), Some("dist"));
        assert_eq!(parse(&["--profile", "release"]).as_deref(), Some("release"));
        assert_eq!(parse(&["--profile", "dev"]), None);
        assert_eq!(parse(&["--profile"]), None);
        assert_eq!(parse(&["--quick"]), None);
    }
}
