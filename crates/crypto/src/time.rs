//! Time as an argument: `main.rs` reads the clock, everything else is told.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// `seconds` later; stays at the end of time rather than wrap.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// `seconds` earlier; stays at 1970 rather than wrap.
    #[must_use]
    pub const fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Reads RFC 3339; `None` for other texts and for times before 1970.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let time = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
        u64::try_from(time.unix_timestamp()).ok().map(Self)
    }

    /// The same instant for calendars. Beyond the year 9999 the last representable instant.
    #[must_use]
    pub fn to_offset_date_time(self) -> time::OffsetDateTime {
        i64::try_from(self.0)
            .ok()
            .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok())
            .unwrap_or(time::PrimitiveDateTime::MAX.assume_utc())
    }
}

impl From<std::time::SystemTime> for UnixTime {
    /// A clock before 1970 counts as 1970.
    fn from(time: std::time::SystemTime) -> Self {
        Self(
            time.duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        )
    }
}

impl fmt::Display for UnixTime {
    /// RFC 3339, UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self
            .to_offset_date_time()
            .format(&time::format_description::well_known::Rfc3339)
            .map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_rfc_3339_and_never_wraps() {
        assert_eq!(UnixTime(1_790_000_000).to_string(), "2026-09-21T14:13:20Z");
        assert_eq!(UnixTime(5).minus(9), UnixTime(0));
        assert!(!UnixTime(u64::MAX).plus(1).to_string().is_empty());
        assert_eq!(
            UnixTime::parse_rfc3339("2026-09-21T14:13:20Z"),
            Some(UnixTime(1_790_000_000))
        );
        assert_eq!(UnixTime::parse_rfc3339("2026-09-21"), None);
        assert_eq!(UnixTime::parse_rfc3339("1969-12-31T23:59:59Z"), None);
    }
}
