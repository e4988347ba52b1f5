//! From what a user types to a place. Which stores there are is decided when the program is built.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Location, Place, StoreError};

/// Variables from which stores take credentials and settings.
///
/// | store | variables |
/// |---|---|
/// | `s3://` | all `AWS_*` that the AWS tools and `object_store` know: keys, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL(_S3)`, `AWS_ALLOW_HTTP`, web identity and container roles; else `AWS_PROFILE` in `~/.aws/credentials` and `~/.aws/config` |
/// | `gs://` | `GOOGLE_APPLICATION_CREDENTIALS`, `GOOGLE_SERVICE_ACCOUNT` and the other `GOOGLE_*` |
/// | `az://` | `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_STORAGE_SAS_TOKEN` and the other `AZURE_*` |
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// The value of a variable, unless it is empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Names and values that begin with `prefix`.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(super) fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let named = self
            .0
            .iter()
            .filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty());
        named.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// Shows names only: values are credentials.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

pub(super) fn parse(text: &str, environment: &Environment) -> Result<Location, StoreError> {
    let wrong = |why: &str| StoreError::Url {
        url: shown(text),
        why: why.to_owned(),
    };
    if text.is_empty() {
        return Err(wrong("it is empty"));
    }
    if !text.contains("://") {
        return Ok(Location(Place::Local(PathBuf::from(text))));
    }
    let url = ::url::Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "credentials do not belong into a URL, where logs and listings show them",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("a query or fragment is not understood"));
    }
    match url.scheme() {
        "file" => {
            let path = url
                .to_file_path()
                .map_err(|()| wrong("a file:// URL has three slashes and no host"))?;
            Ok(Location(Place::Local(path)))
        }
        scheme @ ("s3" | "gs" | "az" | "http" | "https") if url.host_str().is_none() => {
            Err(wrong(if scheme.starts_with("http") {
                "it names no host"
            } else {
                "it names no bucket"
            }))
        }
        #[cfg(feature = "s3")]
        "s3" => super::s3::location(&url, environment),
        #[cfg(feature = "gcs")]
        "gs" => super::options::google(&url, environment),
        #[cfg(feature = "azure")]
        "az" => super::options::azure(&url, environment),
        #[cfg(feature = "http")]
        "http" | "https" => super::options::http(&url),
        #[cfg(not(feature = "s3"))]
        "s3" => unsupported(&url, environment),
        #[cfg(not(feature = "gcs"))]
        "gs" => unsupported(&url, environment),
        #[cfg(not(feature = "azure"))]
        "az" => unsupported(&url, environment),
        #[cfg(not(feature = "http"))]
        "http" | "https" => unsupported(&url, environment),
        _ => Err(wrong(
            "known are paths, file://, s3://, gs://, az://, http:// and https://",
        )),
    }
}

#[cfg(not(all(feature = "s3", feature = "gcs", feature = "azure", feature = "http")))]
fn unsupported(url: &::url::Url, _: &Environment) -> Result<Location, StoreError> {
    Err(StoreError::Unsupported {
        scheme: url.scheme().to_owned(),
    })
}

/// The URL without what might be a password in it.
fn shown(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let authority_end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(authority_end);
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            let path = path.split(['?', '#']).next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        let none = Environment::default();
        parse(text, &none)
            .map(|location| location.to_string())
            .map_err(|error| error.code().to_owned())
    }

    #[test]
    fn understands_paths_and_refuses_what_is_no_place() {
        assert_eq!(parsed("models/digits.bundle"), Ok("models/digits.bundle".into()));
        assert_eq!(parsed("file:///srv/a%20b.bundle"), Ok("/srv/a b.bundle".into()));
        for text in [
            "",
            "file://host/a",
            "ftp://host/a",
            "s3:///key",
            "s3://user:pass@bucket/key",
            "https://h/a?sig=x",
        ] {
            assert_eq!(parsed(text), Err("store.url".into()), "{text}");
        }
        let error = parse(
            "s3://user:canary@bucket/key?canary#canary",
            &Environment::default(),
        )
        .unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn an_environment_shows_no_value() {
        let environment: Environment = [("AWS_SECRET_ACCESS_KEY", "canary")].into_iter().collect();
        assert_eq!(environment.get("AWS_SECRET_ACCESS_KEY"), Some("canary"));
        assert!(!format!("{environment:?}").contains("canary"));
    }
}
