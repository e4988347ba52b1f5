//! What real systems produced, read back by the formats.
//!
//! One test file per family. Each names the files it reads and lists the others in `NOT_YET` with a reason, so that no
//! captured behaviour is passed over unseen. The files lie where `STRONGROOM_VECTORS` says; without it nothing here can
//! run, so every test is `#[ignore = "needs STRONGROOM_VECTORS"]`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One folder of captured files.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Folder under `STRONGROOM_VECTORS`.
    pub folder: &'static str,
    /// Files that tests read: paths within the folder; a final `*` stands for any rest.
    pub used: &'static [&'static str],
    /// Files that no test reads yet, and why.
    pub not_yet: &'static [(&'static str, &'static str)],
}

impl Family {
    /// Bytes of one file.
    ///
    /// # Panics
    /// When it cannot be read: then the vectors are not what the test was written for.
    pub fn read(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Text of one file.
    ///
    /// # Panics
    /// When it cannot be read or is no text.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap_or_else(|_| panic!("{name} is no text"))
    }

    /// Every file of the folder, as paths within it, in order.
    ///
    /// # Panics
    /// When the folder cannot be read.
    pub fn files(&self) -> BTreeSet<String> {
        let root = self.root();
        let mut files = BTreeSet::new();
        walk(&root, &root, &mut files);
        assert!(!files.is_empty(), "{} holds no files", root.display());
        files
    }

    /// Checks that each file is either used or listed with a reason, and that no entry is stale.
    ///
    /// # Panics
    /// With everything that is not so.
    pub fn assert_complete(&self) {
        let files = self.files();
        let mut wrong = Vec::new();
        let mut stale: BTreeSet<&str> = self.used.iter().copied().collect();
        stale.extend(self.not_yet.iter().map(|(pattern, _)| *pattern));
        for file in &files {
            let used = self.used.iter().filter(|pattern| matches(pattern, file));
            let waiting = self
                .not_yet
                .iter()
                .map(|(pattern, _)| pattern)
                .filter(|pattern| matches(pattern, file));
            let named: Vec<&&str> = used.chain(waiting).collect();
            if named.len() != 1 {
                wrong.push(format!("{file}: named by {named:?}, should be by one entry"));
            }
            for pattern in named {
                stale.remove(*pattern);
            }
        }
        wrong.extend(
            stale
                .into_iter()
                .map(|pattern| format!("{pattern}: no such file")),
        );
        wrong.extend(
            self.not_yet
                .iter()
                .filter(|(_, reason)| reason.is_empty())
                .map(|(pattern, _)| format!("{pattern}: no reason")),
        );
        assert!(wrong.is_empty(), "{}: {wrong:#?}", self.folder);
    }

    /// Where one file lies.
    ///
    /// # Panics
    /// Without `STRONGROOM_VECTORS`.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn root(&self) -> PathBuf {
        let root = std::env::var_os("STRONGROOM_VECTORS")
            .expect("STRONGROOM_VECTORS names the folder of the vectors");
        PathBuf::from(root).join(self.folder)
    }
}

fn matches(pattern: &str, file: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => file.starts_with(prefix),
        None => pattern == file,
    }
}

fn walk(root: &Path, folder: &Path, files: &mut BTreeSet<String>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder that opens can be listed").path();
        if path.is_dir() {
            walk(root, &path, files);
        } else {
            let within = path
                .strip_prefix(root)
                .expect("it lies in the folder that is walked");
            files.insert(
                within
                    .to_str()
                    .expect("names of vectors are plain text")
                    .to_owned(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_final_star_stands_for_any_rest() {
        assert!(matches("a/*", "a/b/c"));
        assert!(!matches("a/*", "ab"));
        assert!(matches("a", "a"));
        assert!(!matches("a", "a/b"));
    }
}
