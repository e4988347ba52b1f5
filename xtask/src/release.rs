//! Builds what is shipped, and searches it for simulation code.
//!
//! The shipped programs are a package set of their own: cargo unites features across one build, so a build that holds
//! the simulator (or the e2e tests) would switch the software platform on in all of them. A search that finds nothing
//! proves something only if it would find it: the demo's build of the same programs is searched first, and must answer.

use std::{ffi::OsString, fs, path::Path, process::ExitCode};

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

/// What the code of the software platform carries into each program that links it: text of its own, the label it signs
/// under, its symbols (while they are not stripped), its file names (in the places where it could panic).
const MARKERS: [&str; 4] = [
    "strongroom-simulation-platform",
    concat!("strong", "room/v1/software/evidence"),
    "8platform8software",
    "src/platform/software/",
];

pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let profile = profile(arguments)?;
    let metadata = Metadata::read(Scope::Members)?;

    demo::build("release")?;
    for name in SIMULATED {
        let program = metadata.program("release", name);
        let found = markers(&program)?;
        if found.is_empty() {
            bail!(
                "the search is blind: the demo's {} holds none of {MARKERS:?}",
                program.display()
            );
        }
        println!("release: the demo's {name} holds {}", found.join(", "));
    }

    build(&profile)?;
    let mut guilty = Vec::new();
    for (_, name) in SHIPPED {
        let program = metadata.program(&profile, name);
        let found = markers(&program)?;
        if !found.is_empty() {
            guilty.push(format!("{name} ({})", found.join(", ")));
        }
        println!(
            "release: {} {} bytes",
            program.display(),
            fs::metadata(&program)?.len()
        );
    }
    if !guilty.is_empty() {
        bail!("simulation code in {}", guilty.join("; "));
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

fn markers(program: &Path) -> Result<Vec<&'static str>> {
    let bytes = fs::read(program).with_context(|| format!("could not read {}", program.display()))?;
    Ok(markers_in(&bytes))
}

fn markers_in(bytes: &[u8]) -> Vec<&'static str> {
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    MARKERS
        .into_iter()
        .filter(|marker| holds(marker.as_bytes()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_marker_is_found_anywhere_and_only_whole() {
        let program = |middle: &str| [&[0_u8, 255, 7][..], middle.as_bytes(), &[0, 1]].concat();
        for marker in MARKERS {
            assert_eq!(markers_in(&program(marker)), [marker]);
            assert_eq!(markers_in(marker.as_bytes()), [marker]);
            assert!(markers_in(&program(&marker[1..])).is_empty());
        }
        assert!(markers_in(b"").is_empty());
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
