//! What this machine could attest with.

use std::path::Path;

use serde::Serialize;
pub use strongroom_attester::Finding;
use strongroom_attester::survey;

/// What was looked for, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doctor {
    /// Devices and files by which platforms are known, in the order in which a program would take them.
    pub looked_for: Vec<Finding>,
    /// Whether a program started on this machine without `--tee` could attest: whether the first thing that is there
    /// can be used.
    pub usable: bool,
    /// Why not, where it could not.
    pub reason: Option<String>,
}

/// Looks at this machine, and leaves no trace in it. The simulated platform is never found: it has to be asked for by
/// name.
#[must_use]
pub fn doctor() -> Doctor {
    doctor_of(survey(Path::new("/")))
}

fn doctor_of(looked_for: Vec<Finding>) -> Doctor {
    let reason = match looked_for.iter().find(|finding| finding.present) {
        Some(found) if found.usable => None,
        Some(found) => Some(format!("{}: {}", found.path, found.explanation)),
        None => Some("no trusted execution environment was found".to_owned()),
    };
    Doctor {
        looked_for,
        usable: reason.is_none(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use strongroom_attest::Platform;

    use super::*;

    fn finding(path: &'static str, present: bool, usable: bool) -> Finding {
        Finding {
            platform: Platform::Tdx,
            path,
            present,
            readable: present,
            usable,
            explanation: format!("about {path}"),
        }
    }

    #[test]
    fn the_first_thing_that_is_there_decides() {
        let nothing = doctor_of(vec![finding("/a", false, false)]);
        assert!(!nothing.usable && nothing.reason.is_some());
        let second = doctor_of(vec![finding("/a", false, false), finding("/b", true, true)]);
        assert!(second.usable && second.reason.is_none());
        let first = doctor_of(vec![finding("/a", true, false), finding("/b", true, true)]);
        assert_eq!(
            (first.usable, first.reason.as_deref()),
            (false, Some("/a: about /a"))
        );
    }

    #[test]
    fn the_simulation_is_never_found() {
        assert!(
            doctor()
                .looked_for
                .iter()
                .all(|finding| finding.platform != Platform::Software)
        );
    }
}
