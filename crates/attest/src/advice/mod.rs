//! What to do about a check that failed, for whoever is woken by it. One entry for each id of [`crate::step::all`].
//!
//! The texts name no values: the report's line above them does.

mod common;
mod dcap;
mod sgx;
mod snp;
mod tdx;
mod tpm;

use std::fmt;

use serde::Serialize;

/// What to do about one check that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What the failure means.
    pub means: &'static str,
    /// What to look at first.
    pub look: &'static str,
    /// How it is mended.
    pub mend: &'static str,
    /// What not to do, where somebody could be tempted.
    pub never: Option<&'static str>,
}

impl Advice {
    const fn new(means: &'static str, look: &'static str, mend: &'static str) -> Self {
        Self {
            means,
            look,
            mend,
            never: None,
        }
    }

    const fn never(self, never: &'static str) -> Self {
        Self {
            never: Some(never),
            ..self
        }
    }
}

/// Ids of checks, each with its advice.
type Table = &'static [(&'static str, Advice)];

const TABLES: &[Table] = &[
    common::ADVICE,
    dcap::ADVICE,
    sgx::ADVICE,
    tdx::ADVICE,
    snp::ADVICE,
    tpm::ADVICE,
];

/// The advice on the check with this id.
#[must_use]
pub fn of(id: &str) -> Option<&'static Advice> {
    let mut entries = TABLES.iter().copied().flatten();
    entries.find(|(of, _)| *of == id).map(|(_, advice)| advice)
}

/// Longest line of a printed advice, in characters.
const WIDTH: usize = 100;

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        paragraph(f, "means", self.means)?;
        f.write_str("\n")?;
        paragraph(f, "look", self.look)?;
        f.write_str("\n")?;
        paragraph(f, "mend", self.mend)?;
        if let Some(never) = self.never {
            f.write_str("\n")?;
            paragraph(f, "never", never)?;
        }
        Ok(())
    }
}

/// A text behind its heading, on as many lines as it takes.
fn paragraph(f: &mut fmt::Formatter<'_>, heading: &str, text: &str) -> fmt::Result {
    write!(f, "  {heading:<6}")?;
    let mut column = 8;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column + 1 + length > WIDTH {
            write!(f, "\n{:8}", "")?;
            column = 8;
        }
        write!(f, " {word}")?;
        column += 1 + length;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::step;

    fn ids() -> impl Iterator<Item = &'static str> {
        TABLES.iter().copied().flatten().map(|(id, _)| *id)
    }

    #[test]
    fn no_advice_is_given_twice_or_on_a_check_that_there_is_not() {
        let distinct: BTreeSet<_> = ids().collect();
        assert_eq!(distinct.len(), ids().count());
        for id in ids() {
            assert!(step::by_id(id).is_some(), "there is no check {id}");
        }
    }

    #[test]
    fn every_check_has_advice() {
        let without: Vec<_> = step::all()
            .map(|step| step.id)
            .filter(|id| of(id).is_none())
            .collect();
        assert_eq!(without, [""; 0]);
    }

    #[test]
    fn advice_fits_a_terminal_and_loses_no_word() {
        for (_, advice) in TABLES.iter().copied().flatten() {
            let printed = advice.to_string();
            assert!(
                printed.lines().all(|line| line.chars().count() <= WIDTH),
                "{printed}"
            );
            let words = |text: &str| text.split_whitespace().count();
            let headings = 3 + usize::from(advice.never.is_some());
            let said = words(advice.means) + words(advice.look) + words(advice.mend);
            assert_eq!(
                words(&printed),
                headings + said + advice.never.map_or(0, words),
                "{printed}"
            );
            for text in [advice.means, advice.look, advice.mend] {
                assert!(
                    !text.is_empty() && !text.ends_with('.') && !text.contains("  "),
                    "{text:?}"
                );
            }
        }
    }
}
