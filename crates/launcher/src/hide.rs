//! The platform's devices, out of the program's sight: with one of them it could prove itself in the launcher's name, and
//! activate as a second workload.

use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount, mount_bind};

use crate::error::LaunchError;
use crate::namespace::Namespace;

/// Mounts nothing over each device that is there, for this process and its children. The attester reaches them still: it
/// opened the way to them before.
///
/// # Errors
/// [`LaunchError::Reachable`] where a device is there and cannot be hidden.
pub(crate) fn hide(namespace: &Namespace, devices: &[PathBuf]) -> Result<(), LaunchError> {
    for device in devices {
        let reachable = |reason: String| LaunchError::Reachable {
            path: device.display().to_string(),
            reason,
        };
        let is_folder = match std::fs::metadata(device) {
            Ok(found) => found.is_dir(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // What we may not look at, we cannot hide; a program with other rights may.
            Err(error) => return Err(reachable(error.to_string())),
        };
        if let Namespace::Shared { reason } = namespace {
            return Err(reachable(reason.clone()));
        }
        cover(device, is_folder).map_err(|error| reachable(error.to_string()))?;
    }
    Ok(())
}

fn cover(device: &Path, is_folder: bool) -> io::Result<()> {
    if is_folder {
        let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount("tmpfs", device, "tmpfs", flags, c"mode=0,size=4k")?;
    } else {
        mount_bind(NOTHING, device)?;
    }
    Ok(())
}

/// Takes everything and gives nothing.
const NOTHING: &str = "/dev/null";

#[cfg(test)]
mod tests {
    use super::*;

    /// In a thread: what is mounted there is seen nowhere else.
    fn in_own_namespace(test: impl FnOnce(&Namespace) + Send + 'static) {
        let thread = std::thread::spawn(|| test(&crate::namespace::enter().expect("a namespace")));
        thread.join().expect("it holds");
    }

    fn devices() -> (tempfile::TempDir, Vec<PathBuf>) {
        let machine = tempfile::tempdir().expect("a temporary directory");
        let (file, folder) = (machine.path().join("tpm0"), machine.path().join("report"));
        std::fs::write(&file, "device").expect("a file");
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("outblob"), "report").expect("a file");
        let devices = vec![file, folder, machine.path().join("missing")];
        (machine, devices)
    }

    #[test]
    #[ignore = "needs the right to mount"]
    fn what_is_there_is_hidden_here_and_nowhere_else() {
        let (_machine, devices) = devices();
        let hidden = devices.clone();
        in_own_namespace(move |namespace| {
            hide(namespace, &hidden).expect("hidden");
            assert_eq!(std::fs::read(&hidden[0]).expect("read"), b"");
            assert!(std::fs::read(hidden[1].join("outblob")).is_err());
        });
        assert_eq!(std::fs::read(&devices[0]).expect("read"), b"device");
        assert_eq!(
            std::fs::read(devices[1].join("outblob")).expect("read"),
            b"report"
        );
    }

    #[test]
    fn what_cannot_be_hidden_is_a_refusal_and_what_is_not_there_is_none() {
        let (machine, devices) = devices();
        let shared = Namespace::Shared {
            reason: "unshare: EPERM".to_owned(),
        };
        let error = hide(&shared, &devices).expect_err("reachable");
        assert_eq!(error.code(), "launcher.platform_reachable");
        assert!(error.to_string().contains("tpm0"), "{error}");
        hide(&shared, &[machine.path().join("missing")]).expect("nothing to hide");
        hide(&shared, &[]).expect("nothing to hide");
    }
}
