//! What packages allow that they need not.

use strongroom_attest::{Platform, Protection};
use strongroom_crypto::time::UnixTime;

use super::{Warnings, at, platform};
use crate::manifest::Manifest;
use crate::package::Package;
use crate::problem::Path;

impl Manifest {
    pub(super) fn package_warnings(&self, now: UnixTime, warnings: &mut Warnings) {
        for (name, package) in self.packages() {
            let path = at("Packages", name.as_str());
            for (code, message) in package_exceptions(package) {
                warnings.push(code, &path, message);
            }
            for (code, message) in package.written().map(platform::warnings).unwrap_or_default() {
                warnings.push(code, &path.key("Policy"), message);
            }
            for (index, exception) in package.exceptions().iter().enumerate() {
                let path = path.key("Exceptions").index(index);
                warn_of_end(exception, now, &path, warnings);
            }
            let by_marble = self.marbles().values().any(|marble| marble.package == *name);
            if !by_marble && !self.coordinator().packages.contains(name) {
                warnings.push(
                    "package_unused",
                    &path,
                    "no marble and no coordinator is of this package",
                );
            }
            if !package.platform.is_built_in() {
                let message = format!(
                    "this program cannot verify evidence of platform {}",
                    package.platform
                );
                warnings.push("platform_not_built_in", &path.key("Platform"), message);
            }
        }
    }
}

pub(super) fn package_exceptions(package: &Package) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    if package.debug {
        list.push((
            "debug",
            "accepts debug mode: the host can look into it".to_owned(),
        ));
    }
    if package.platform == Platform::Software || package.protection().contains(&Protection::Simulated) {
        list.push((
            "simulated",
            "SIMULATED: a process plays the hardware and protects nothing".to_owned(),
        ));
    }
    if package.protection().contains(&Protection::IntegrityOnly) {
        list.push(("integrity_only", "the host can read its memory".to_owned()));
    }
    list.extend(package.written().map(platform::exceptions).unwrap_or_default());
    list.extend(package.exceptions().iter().map(|exception| {
        let found = exception.found.as_ref();
        let found = found
            .map(|found| format!(" (found {found:?})"))
            .unwrap_or_default();
        let message = format!(
            "check {}{found} may fail until {}: {:?} answers for it, because {:?}",
            exception.check, exception.expires.0, exception.owner, exception.reason
        );
        ("check_exception", message)
    }));
    list
}

fn warn_of_end(
    exception: &strongroom_attest::reference::Exception,
    now: UnixTime,
    path: &Path,
    warnings: &mut Warnings,
) {
    let end = exception.expires.0;
    let place = path.key("Expires");
    if end <= now {
        let message = format!(
            "the exception from {} ended at {end}: it excuses nothing",
            exception.check
        );
        warnings.push("exception_ended", &place, message);
    } else if end <= now.plus(ENDS_SOON_SECONDS) {
        let message = format!(
            "the exception from {} ends at {end}; evidence that needs it is refused from then on",
            exception.check
        );
        warnings.push("exception_ends_soon", &place, message);
    } else if end > now.plus(LONG_SECONDS) {
        let message = format!(
            "the exception from {} lasts until {end}, longer than a year",
            exception.check
        );
        warnings.push("exception_long", &place, message);
    }
}

/// What ends within these days is mended before it does.
const ENDS_SOON_SECONDS: u64 = 14 * 24 * 3600;
const LONG_SECONDS: u64 = 366 * 24 * 3600;
