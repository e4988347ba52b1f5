//! The files of one model, in memory: the only form in which an engine meets a model.
//!
//! Whether they came from a folder or were decrypted from a bundle, nothing of them is written anywhere.

use std::collections::BTreeMap;

use crate::engine::is_onnx;

/// Files by name; names use `/` and are relative to the model's folder.
#[derive(Clone, Default)]
pub struct ModelFiles {
    files: BTreeMap<String, Vec<u8>>,
}

impl ModelFiles {
    /// Names of all files, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Contents of one file.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Contents of one file, which is then no longer held here.
    pub fn take(&mut self, name: &str) -> Option<Vec<u8>> {
        self.files.remove(name)
    }

    /// Contents of the file that `relative` means in the folder of `beside`; nothing outside the model can be named.
    pub fn take_beside(&mut self, beside: &str, relative: &str) -> Option<Vec<u8>> {
        let name = match beside.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{relative}"),
            None => relative.to_owned(),
        };
        self.take(&name)
    }

    /// The ONNX file that is the model: `model.onnx`, or the only `*.onnx` there is, or the only file, if it is one.
    #[must_use]
    pub fn main_onnx(&self) -> Option<String> {
        let onnx = |name: &str| {
            name.rsplit('/')
                .next()
                .is_some_and(|file| file.ends_with(".onnx"))
        };
        let named: Vec<&str> = self.names().filter(|name| onnx(name)).collect();
        let main = named
            .iter()
            .find(|name| **name == "model.onnx" || name.ends_with("/model.onnx"));
        let only_one = |names: &[&str]| (names.len() == 1).then(|| names[0].to_owned());
        main.map(|name| (*name).to_owned())
            .or_else(|| only_one(&named))
            .or_else(|| {
                let (name, bytes) = self.files.iter().next()?;
                (self.files.len() == 1 && is_onnx(bytes)).then(|| name.clone())
            })
    }

    /// Bytes that all files take together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }
}

impl FromIterator<(String, Vec<u8>)> for ModelFiles {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(files: I) -> Self {
        Self {
            files: files.into_iter().collect(),
        }
    }
}

/// Names and sizes: contents are the owner's.
impl std::fmt::Debug for ModelFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.files.iter().map(|(name, bytes)| (name, bytes.len())))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn main_of(names: &[&str]) -> Option<String> {
        ModelFiles::from_iter(names.iter().map(|name| ((*name).to_owned(), vec![]))).main_onnx()
    }

    #[test]
    fn finds_the_file_that_is_the_model() {
        assert_eq!(main_of(&["a.onnx", "model.onnx"]).as_deref(), Some("model.onnx"));
        assert_eq!(main_of(&["a.onnx", "weights.bin"]).as_deref(), Some("a.onnx"));
        assert_eq!(
            main_of(&["sub/model.onnx", "x"]).as_deref(),
            Some("sub/model.onnx")
        );
        assert_eq!(main_of(&["a.onnx", "b.onnx"]), None);
        assert_eq!(main_of(&["weights.bin"]), None);
    }

    #[test]
    fn names_nothing_outside_the_model() {
        let mut files = ModelFiles::from_iter([("sub/weights".to_owned(), vec![1])]);
        assert_eq!(files.take_beside("sub/model.onnx", "/etc/passwd"), None);
        assert_eq!(files.take_beside("sub/model.onnx", "../sub/weights"), None);
        assert_eq!(files.take_beside("sub/model.onnx", "weights"), Some(vec![1]));
    }
}
