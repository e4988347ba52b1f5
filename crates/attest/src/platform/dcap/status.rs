//! Intel's words for how well a platform is patched, and how the words of its parts become one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Status of a TCB level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TcbStatus {
    /// Nothing is known to be missing.
    UpToDate,
    /// Patched, and the software has to defend itself against what hardware leaves open.
    SWHardeningNeeded,
    /// Patched, and the platform's configuration has to be changed.
    ConfigurationNeeded,
    /// Both of the above.
    ConfigurationAndSWHardeningNeeded,
    /// Patches are missing.
    OutOfDate,
    /// Patches are missing, and the configuration has to be changed.
    OutOfDateConfigurationNeeded,
    /// TDX 1.5: the platform is patched by now, and the TD was started before.
    TDRelaunchAdvised,
    /// The same, and the configuration has to be changed.
    TDRelaunchAdvisedConfigurationNeeded,
    /// The platform's keys are worth nothing.
    Revoked,
}

impl TcbStatus {
    /// All of them, the best first.
    pub const ALL: &'static [Self] = &[
        Self::UpToDate,
        Self::SWHardeningNeeded,
        Self::ConfigurationNeeded,
        Self::ConfigurationAndSWHardeningNeeded,
        Self::OutOfDate,
        Self::OutOfDateConfigurationNeeded,
        Self::TDRelaunchAdvised,
        Self::TDRelaunchAdvisedConfigurationNeeded,
        Self::Revoked,
    ];

    /// Intel's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UpToDate => "UpToDate",
            Self::SWHardeningNeeded => "SWHardeningNeeded",
            Self::ConfigurationNeeded => "ConfigurationNeeded",
            Self::ConfigurationAndSWHardeningNeeded => "ConfigurationAndSWHardeningNeeded",
            Self::OutOfDate => "OutOfDate",
            Self::OutOfDateConfigurationNeeded => "OutOfDateConfigurationNeeded",
            Self::TDRelaunchAdvised => "TDRelaunchAdvised",
            Self::TDRelaunchAdvisedConfigurationNeeded => "TDRelaunchAdvisedConfigurationNeeded",
            Self::Revoked => "Revoked",
        }
    }

    /// The platform's status with that of one of its parts, TDX module or quoting enclave: only a part that is out of
    /// date or revoked changes it.
    pub(crate) const fn converge(self, part: Self) -> Self {
        match (part, self) {
            (Self::Revoked, _) => Self::Revoked,
            (Self::OutOfDate, Self::UpToDate | Self::SWHardeningNeeded) => Self::OutOfDate,
            (Self::OutOfDate, Self::ConfigurationNeeded | Self::ConfigurationAndSWHardeningNeeded) => {
                Self::OutOfDateConfigurationNeeded
            }
            (_, status) => status,
        }
    }

    /// The status at the launch of a TD with that of now.
    pub(crate) const fn relaunch(self, now: Self) -> Self {
        match (self, now) {
            (Self::OutOfDate, Self::UpToDate | Self::SWHardeningNeeded) => Self::TDRelaunchAdvised,
            (
                Self::OutOfDate | Self::OutOfDateConfigurationNeeded,
                Self::UpToDate
                | Self::SWHardeningNeeded
                | Self::ConfigurationNeeded
                | Self::ConfigurationAndSWHardeningNeeded,
            ) => Self::TDRelaunchAdvisedConfigurationNeeded,
            (launch, _) => launch,
        }
    }
}

impl fmt::Display for TcbStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::TcbStatus::{self, *};

    #[test]
    fn a_part_out_of_date_makes_the_platform_so() {
        for (platform, part, expected) in [
            (UpToDate, UpToDate, UpToDate),
            (UpToDate, OutOfDate, OutOfDate),
            (SWHardeningNeeded, OutOfDate, OutOfDate),
            (ConfigurationNeeded, OutOfDate, OutOfDateConfigurationNeeded),
            (
                ConfigurationAndSWHardeningNeeded,
                OutOfDate,
                OutOfDateConfigurationNeeded,
            ),
            (
                OutOfDateConfigurationNeeded,
                OutOfDate,
                OutOfDateConfigurationNeeded,
            ),
            (OutOfDate, UpToDate, OutOfDate),
            (SWHardeningNeeded, UpToDate, SWHardeningNeeded),
            (UpToDate, ConfigurationNeeded, UpToDate),
            (OutOfDate, Revoked, Revoked),
            (Revoked, UpToDate, Revoked),
        ] {
            assert_eq!(platform.converge(part), expected, "{platform} with {part}");
        }
    }

    #[test]
    fn a_launch_before_the_update_advises_another() {
        for (launch, now, expected) in [
            (OutOfDate, UpToDate, TDRelaunchAdvised),
            (OutOfDate, SWHardeningNeeded, TDRelaunchAdvised),
            (
                OutOfDate,
                ConfigurationNeeded,
                TDRelaunchAdvisedConfigurationNeeded,
            ),
            (
                OutOfDateConfigurationNeeded,
                UpToDate,
                TDRelaunchAdvisedConfigurationNeeded,
            ),
            (OutOfDate, OutOfDate, OutOfDate),
            (OutOfDate, OutOfDateConfigurationNeeded, OutOfDate),
            (UpToDate, OutOfDate, UpToDate),
            (ConfigurationNeeded, UpToDate, ConfigurationNeeded),
        ] {
            assert_eq!(launch.relaunch(now), expected, "{launch}, now {now}");
        }
    }

    #[test]
    fn the_words_are_those_that_intel_writes() {
        for status in [
            UpToDate,
            SWHardeningNeeded,
            ConfigurationNeeded,
            ConfigurationAndSWHardeningNeeded,
            OutOfDate,
            OutOfDateConfigurationNeeded,
            TDRelaunchAdvised,
            TDRelaunchAdvisedConfigurationNeeded,
            Revoked,
        ] {
            let word = serde_json::to_string(&status).expect("a word");
            assert_eq!(word, format!("\"{}\"", status.name()));
            assert_eq!(serde_json::from_str::<TcbStatus>(&word).ok(), Some(status));
        }
    }
}
