//! What all stores behind a network have in common, and the stores that need little more.

use std::time::Duration;

use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use url::Url;

use super::StoreError;

/// Retries of one request: with backoff they span about a quarter of a minute.
const RETRIES_MAX: usize = 7;
/// Time after which a request is not tried again.
const RETRY_TIME_MAX: Duration = Duration::from_secs(180);
/// Time for one request, its body included: a part of an upload over a slow line.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(150);
/// Time for a connection to be made.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

pub(super) fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIME_MAX,
    }
}

pub(super) fn client() -> ClientOptions {
    ClientOptions::new()
        .with_timeout(REQUEST_TIME_MAX)
        .with_connect_timeout(CONNECT_TIME_MAX)
}

/// The path of the object in its bucket.
pub(super) fn path(url: &Url) -> Result<Path, StoreError> {
    Path::from_url_path(url.path()).map_err(|error| StoreError::Url {
        url: url.to_string(),
        why: error.to_string(),
    })
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure", feature = "http"))]
pub(super) fn configuration(url: &Url, error: object_store::Error) -> StoreError {
    StoreError::Configuration {
        what: format!("{url} cannot be used: {error}"),
    }
}

#[cfg(any(feature = "gcs", feature = "azure", feature = "http", feature = "s3"))]
pub(super) fn remote(
    store: impl object_store::ObjectStore,
    url: &Url,
    access: super::Access,
) -> Result<super::Location, StoreError> {
    let remote = super::Remote {
        store: std::sync::Arc::new(store),
        path: path(url)?,
        shown: url.to_string(),
        access,
    };
    Ok(super::Location(super::Place::Remote(remote)))
}

#[cfg(feature = "gcs")]
pub(super) fn google(url: &Url, environment: &super::Environment) -> Result<super::Location, StoreError> {
    use object_store::gcp::GoogleCloudStorageBuilder;

    let mut builder = GoogleCloudStorageBuilder::new()
        .with_retry(retry())
        .with_client_options(client());
    for (name, value) in environment
        .beginning("GOOGLE_")
        .chain(environment.beginning("SERVICE_ACCOUNT"))
    {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let bucket = url.host_str().unwrap_or_default();
    let store = builder
        .with_bucket_name(bucket)
        .build()
        .map_err(|error| configuration(url, error))?;
    remote(store, url, super::Access::Full)
}

#[cfg(feature = "azure")]
pub(super) fn azure(url: &Url, environment: &super::Environment) -> Result<super::Location, StoreError> {
    use object_store::azure::MicrosoftAzureBuilder;

    let mut builder = MicrosoftAzureBuilder::new()
        .with_retry(retry())
        .with_client_options(client());
    for (name, value) in environment.beginning("AZURE_") {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let container = url.host_str().unwrap_or_default();
    let store = builder
        .with_container_name(container)
        .build()
        .map_err(|error| configuration(url, error))?;
    remote(store, url, super::Access::Full)
}

#[cfg(feature = "http")]
pub(super) fn http(url: &Url) -> Result<super::Location, StoreError> {
    use object_store::http::HttpBuilder;

    // Plain HTTP loses nothing: what comes is ciphertext, and is held against the digest.
    let client = client().with_allow_http(true);
    let host = &url[..url::Position::BeforePath];
    let builder = HttpBuilder::new()
        .with_url(host)
        .with_retry(retry())
        .with_client_options(client);
    let store = builder.build().map_err(|error| configuration(url, error))?;
    remote(store, url, super::Access::ReadOnly)
}

#[cfg(all(test, feature = "s3", feature = "gcs", feature = "azure", feature = "http"))]
mod tests {
    use crate::store::{Environment, Location};

    fn shown(text: &str, environment: &[(&str, &str)]) -> Result<String, String> {
        let environment: Environment = environment.iter().copied().collect();
        Location::parse_with(text, &environment)
            .map(|location| location.join("x.bundle").to_string())
            .map_err(|error| error.code().to_owned())
    }

    #[test]
    fn every_store_is_understood_with_the_credentials_its_users_have() {
        let aws = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        assert_eq!(
            shown("s3://bucket/models", &aws),
            Ok("s3://bucket/models/x.bundle".into())
        );
        let azure = [
            ("AZURE_STORAGE_ACCOUNT_NAME", "name"),
            ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5"),
        ];
        assert_eq!(
            shown("az://container/models", &azure),
            Ok("az://container/models/x.bundle".into())
        );
        assert_eq!(
            shown("az://container/models", &[]),
            Err("store.configuration".into())
        );
        let google = [("GOOGLE_SKIP_SIGNATURE", "true")];
        assert_eq!(
            shown("gs://bucket/models", &google),
            Ok("gs://bucket/models/x.bundle".into())
        );
        assert_eq!(
            shown("https://host/models", &[]),
            Ok("https://host/models/x.bundle".into())
        );
    }

    #[tokio::test]
    async fn nothing_is_written_over_http() {
        let location = Location::parse_with("http://127.0.0.1:9/x.bundle", &Environment::default()).unwrap();
        assert_eq!(location.delete().await.unwrap_err().code(), "store.read_only");
        let source = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(
            location.put_file(source.path()).await.unwrap_err().code(),
            "store.read_only"
        );
    }
}
