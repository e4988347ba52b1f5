//! What happens next to the versions of one model: a function of what is wanted and how far each version is.

/// How far a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Known, nothing done yet.
    New,
    /// Being loaded, or waiting for a thread or another try.
    Loading,
    /// It serves.
    Ready,
    /// It no longer serves; its memory is still taken.
    Unloading,
    /// Unloaded, or never loaded.
    Ended,
}

/// One version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub number: i64,
    /// Whether it is to be served.
    pub aspired: bool,
    /// How far it is.
    pub stage: Stage,
}

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Load this version.
    Load(i64),
    /// Unload this version.
    Unload(i64),
}

/// What matters more while versions change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transition {
    /// The old version serves until the new one does: for a while both take memory. What TensorFlow Serving does.
    #[default]
    PreserveAvailability,
    /// The old version is gone before the new one is loaded: for a while none serves.
    PreserveResources,
}

/// The next thing to do, if anything can be done before something else ends. `versions` are those of one model, each
/// once.
#[must_use]
pub fn next(transition: Transition, versions: &[Version]) -> Option<Action> {
    match transition {
        Transition::PreserveAvailability => unload_if_served(versions).or_else(|| load(versions)),
        Transition::PreserveResources => unload(versions).or_else(|| {
            let freed =
                |version: &Version| version.aspired || matches!(version.stage, Stage::New | Stage::Ended);
            versions.iter().all(freed).then(|| load(versions)).flatten()
        }),
    }
}

fn unload_if_served(versions: &[Version]) -> Option<Action> {
    let aspired = || versions.iter().filter(|version| version.aspired);
    let none_is_wanted = aspired().next().is_none();
    let another_serves = aspired().any(|version| version.stage == Stage::Ready);
    let several_serve_unwanted = versions
        .iter()
        .filter(|version| !version.aspired && version.stage == Stage::Ready)
        .count()
        > 1;
    (none_is_wanted || another_serves || several_serve_unwanted).then(|| unload(versions))?
}

fn unload(versions: &[Version]) -> Option<Action> {
    let unwanted = versions
        .iter()
        .filter(|version| !version.aspired && version.stage == Stage::Ready);
    unwanted.map(|version| version.number).min().map(Action::Unload)
}

fn load(versions: &[Version]) -> Option<Action> {
    let new = versions
        .iter()
        .filter(|version| version.aspired && version.stage == Stage::New);
    new.map(|version| version.number).max().map(Action::Load)
}

#[cfg(test)]
mod tests {
    use super::Stage::{Ended, Loading, New, Ready, Unloading};
    use super::*;

    // `+` marks a version that is wanted.
    fn next_of(transition: Transition, versions: &[(i64, &str, Stage)]) -> Option<Action> {
        let versions: Vec<_> = versions
            .iter()
            .map(|&(number, wanted, stage)| Version {
                number,
                aspired: wanted == "+",
                stage,
            })
            .collect();
        next(transition, &versions)
    }

    #[test]
    fn the_old_version_serves_until_the_new_one_does() {
        let next = |versions: &[_]| next_of(Transition::PreserveAvailability, versions);
        assert_eq!(next(&[]), None);
        assert_eq!(next(&[(1, "+", New), (2, "+", New)]), Some(Action::Load(2)));
        assert_eq!(next(&[(1, "+", New), (2, "+", Loading)]), Some(Action::Load(1)));
        assert_eq!(next(&[(1, "-", Ready), (2, "+", New)]), Some(Action::Load(2)));
        assert_eq!(next(&[(1, "-", Ready), (2, "+", Loading)]), None);
        assert_eq!(
            next(&[(1, "-", Ready), (2, "+", Ended)]),
            None,
            "a bad new version"
        );
        assert_eq!(next(&[(1, "-", Ready), (2, "+", Ready)]), Some(Action::Unload(1)));
        assert_eq!(next(&[(1, "-", Unloading), (2, "+", Ready)]), None);
    }

    #[test]
    fn what_nobody_wants_is_unloaded_lowest_first() {
        let next = |versions: &[_]| next_of(Transition::PreserveAvailability, versions);
        assert_eq!(next(&[(1, "-", Ready), (2, "-", Ready)]), Some(Action::Unload(1)));
        assert_eq!(next(&[(1, "-", Ended), (2, "-", Ready)]), Some(Action::Unload(2)));
        // Of several old ones, one is enough to keep serving.
        assert_eq!(
            next(&[(1, "-", Ready), (2, "-", Ready), (3, "+", Loading)]),
            Some(Action::Unload(1))
        );
        assert_eq!(next(&[(1, "-", New), (2, "-", Loading)]), None);
    }

    #[test]
    fn memory_is_freed_before_the_new_version_is_loaded() {
        let next = |versions: &[_]| next_of(Transition::PreserveResources, versions);
        assert_eq!(next(&[(1, "-", Ready), (2, "+", New)]), Some(Action::Unload(1)));
        assert_eq!(next(&[(1, "-", Unloading), (2, "+", New)]), None);
        assert_eq!(next(&[(1, "-", Loading), (2, "+", New)]), None);
        assert_eq!(next(&[(1, "-", Ended), (2, "+", New)]), Some(Action::Load(2)));
        assert_eq!(next(&[(1, "+", Ready), (2, "+", New)]), Some(Action::Load(2)));
    }
}
