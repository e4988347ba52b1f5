//! Which of the versions that are there are to be served.

use std::collections::BTreeSet;

use strongroom_api::serving::ServableVersionPolicy;
use strongroom_api::serving::servable_version_policy::PolicyChoice;

/// `ServableVersionPolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionPolicy {
    /// The newest few; at least one.
    Latest(usize),
    /// All.
    All,
    /// These, where they are there.
    Specific(BTreeSet<i64>),
}

impl VersionPolicy {
    /// Of those that are there, the versions to serve.
    #[must_use]
    pub fn select(&self, there: impl IntoIterator<Item = i64>) -> BTreeSet<i64> {
        let there: BTreeSet<i64> = there.into_iter().collect();
        match self {
            Self::Latest(count) => there.into_iter().rev().take((*count).max(1)).collect(),
            Self::All => there,
            Self::Specific(wanted) => there.intersection(wanted).copied().collect(),
        }
    }

    /// Whether it names this version, rather than taking what comes.
    #[must_use]
    pub fn names(&self, version: i64) -> bool {
        matches!(self, Self::Specific(wanted) if wanted.contains(&version))
    }
}

/// The newest version alone.
impl Default for VersionPolicy {
    fn default() -> Self {
        Self::Latest(1)
    }
}

impl From<&ServableVersionPolicy> for VersionPolicy {
    fn from(policy: &ServableVersionPolicy) -> Self {
        match &policy.policy_choice {
            None => Self::default(),
            Some(PolicyChoice::Latest(latest)) => {
                Self::Latest(usize::try_from(latest.num_versions).unwrap_or(usize::MAX).max(1))
            }
            Some(PolicyChoice::All(_)) => Self::All,
            Some(PolicyChoice::Specific(specific)) => {
                Self::Specific(specific.versions.iter().copied().collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_versions() {
        let select = |policy: VersionPolicy| policy.select([3, 1, 7]).into_iter().collect::<Vec<_>>();
        assert_eq!(select(VersionPolicy::default()), [7]);
        assert_eq!(select(VersionPolicy::Latest(0)), [7]);
        assert_eq!(select(VersionPolicy::Latest(2)), [3, 7]);
        assert_eq!(select(VersionPolicy::Latest(9)), [1, 3, 7]);
        assert_eq!(select(VersionPolicy::All), [1, 3, 7]);
        assert_eq!(select(VersionPolicy::Specific([1, 2].into())), [1]);
        assert!(VersionPolicy::default().select([]).is_empty());
    }
}
