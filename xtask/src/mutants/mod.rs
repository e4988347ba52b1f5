//! `cargo xtask mutants`: takes a check out, and sees a test or the demo notice.
//!
//! A refusal is worth what its test is worth. Each mutant removes one check from a copy of the sources; its proof must
//! then fail in a named way. A mutant that nothing notices is an error, and so is one whose text has moved away.

mod list;
mod workshop;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};

use workshop::Workshop;

/// One text put in place of another, which occurs exactly once in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edit {
    /// From the project's root.
    pub(crate) file: &'static str,
    pub(crate) find: &'static str,
    pub(crate) replace: &'static str,
}

/// What notices that a check is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof {
    /// This attack of the demo is reported as succeeded, and the demo fails.
    Attack(u8),
    /// These tests of a package fail: arguments of `cargo test`.
    Tests(&'static [&'static str]),
}

/// A check taken out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) edits: &'static [Edit],
    pub(crate) proof: Proof,
}

pub(crate) fn run(arguments: &[std::ffi::OsString]) -> Result<ExitCode> {
    let wanted: Vec<_> = arguments
        .iter()
        .map(|argument| argument.to_string_lossy())
        .collect();
    let mut workshop = Workshop::open()?;
    if wanted.iter().any(|argument| argument == "--demo") {
        ensure!(
            wanted.len() == 1,
            "`--demo` takes all mutants of the demo, and no names"
        );
        return demo(&mut workshop);
    }
    let chosen: Vec<_> = list::ALL
        .iter()
        .filter(|mutant| wanted.is_empty() || wanted.iter().any(|name| name == mutant.name))
        .collect();
    if chosen.len() < wanted.len() {
        let names: Vec<_> = list::ALL.iter().map(|mutant| mutant.name).collect();
        bail!("unknown mutant; there are: {}", names.join(", "));
    }
    let mut unnoticed = Vec::new();
    for mutant in &chosen {
        let noticed = workshop.with(mutant.edits, |workshop| notices(workshop, mutant))?;
        println!(
            "mutant {}: {}",
            mutant.name,
            if noticed { "noticed" } else { "NOT NOTICED" }
        );
        if !noticed {
            unnoticed.push(mutant.name);
        }
    }
    println!(
        "mutants: {} of {} noticed",
        chosen.len() - unnoticed.len(),
        chosen.len()
    );
    Ok(if unnoticed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn notices(workshop: &Workshop, mutant: &Mutant) -> Result<bool> {
    match mutant.proof {
        Proof::Attack(number) => {
            let last = workshop.demo()?;
            Ok(last.contains(&format!("attack {number} SUCCEEDED")))
        }
        Proof::Tests(arguments) => {
            workshop
                .builds(arguments)
                .with_context(|| format!("mutant {} does not compile", mutant.name))?;
            Ok(!workshop.tests_pass(arguments)?)
        }
    }
}

/// All checks that the demo's attacks run into, taken out at once: one build shows that the demo reports each attack
/// that gets through, and fails.
fn demo(workshop: &mut Workshop) -> Result<ExitCode> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut attacks = Vec::new();
    for mutant in list::ALL {
        if let Proof::Attack(number) = mutant.proof {
            attacks.push(number);
            for edit in mutant.edits {
                // Two attacks may run into the same check.
                if !edits
                    .iter()
                    .any(|known| (known.file, known.find) == (edit.file, edit.find))
                {
                    edits.push(*edit);
                }
            }
        }
    }
    let last = workshop.with(&edits, |workshop| workshop.demo())?;
    let missed: Vec<_> = attacks
        .iter()
        .filter(|number| !last.contains(&format!("attack {number} SUCCEEDED")))
        .collect();
    println!("without its checks the demo says: {last}");
    println!(
        "mutants: {} of {} noticed",
        attacks.len() - missed.len(),
        attacks.len()
    );
    Ok(if missed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// A list that no longer fits the sources would find nothing and say nothing.
    #[test]
    fn every_edit_finds_its_place_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for mutant in list::ALL {
            for edit in mutant.edits {
                let text = fs::read_to_string(root.join(edit.file)).unwrap();
                let places = text.matches(edit.find).count();
                assert_eq!(
                    places, 1,
                    "{}: {} has the text {places} times",
                    mutant.name, edit.file
                );
            }
        }
    }

    #[test]
    fn each_attack_of_the_demo_has_a_mutant() {
        for attack in 1..=5 {
            assert!(
                list::ALL
                    .iter()
                    .any(|mutant| matches!(mutant.proof, Proof::Attack(number) if number == attack))
            );
        }
    }
}
