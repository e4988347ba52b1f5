//! `s3://` with the credentials and settings of the AWS tools: environment first, then the profile.

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{Certificate, ClientConfigKey};
use url::{Host, Url};

use super::options::{client, configuration, remote, retry};
use super::profile::Profile;
use super::{Access, Environment, Location, StoreError};

pub(super) fn location(url: &Url, environment: &Environment) -> Result<Location, StoreError> {
    let profile = Profile::load(environment)?;
    let own_keys = environment.get("AWS_ACCESS_KEY_ID").is_some();
    let mut builder = AmazonS3Builder::new();
    for (key, value) in profile.settings(own_keys) {
        builder = builder.with_config(key, value);
    }
    let mut client = client();
    if let Some(path) = environment.get("AWS_CA_BUNDLE") {
        client = with_certificates(client, path)?;
    }
    builder = builder.with_client_options(client).with_retry(retry());
    for (name, value) in environment.beginning("AWS_") {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    builder = check_credentials(builder, environment, profile.complaint())?;
    builder = allow_loopback(builder)?;
    let bucket = url.host_str().unwrap_or_default();
    let store = builder
        .with_bucket_name(bucket)
        .build()
        .map_err(|error| configuration(url, error))?;
    remote(store, url, Access::Full)
}

/// Without keys of any kind, `object_store` asks the machine's metadata service, and waits long where there is none.
fn check_credentials(
    builder: AmazonS3Builder,
    environment: &Environment,
    complaint: Option<String>,
) -> Result<AmazonS3Builder, StoreError> {
    let given = |key| builder.get_config_value(&key).is_some();
    let elsewhere = [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    let skip = environment
        .get("AWS_SKIP_SIGNATURE")
        .is_some_and(|value| value != "false");
    if given(AmazonS3ConfigKey::AccessKeyId) && given(AmazonS3ConfigKey::SecretAccessKey)
        || skip
        || elsewhere.iter().any(|name| environment.get(name).is_some())
    {
        return Ok(builder);
    }
    let off = environment
        .get("AWS_EC2_METADATA_DISABLED")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    match complaint {
        Some(complaint) => Err(StoreError::Configuration { what: complaint }),
        None if off || given(AmazonS3ConfigKey::AccessKeyId) => Err(StoreError::Configuration {
            what: "no credentials for s3://: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
                .to_owned(),
        }),
        None => Ok(builder),
    }
}

/// An endpoint on this machine may speak plain HTTP; any other needs `AWS_ALLOW_HTTP`: session tokens would show.
fn allow_loopback(builder: AmazonS3Builder) -> Result<AmazonS3Builder, StoreError> {
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
        .iter()
        .find_map(|key| builder.get_config_value(key));
    let Some(endpoint) = endpoint else {
        return Ok(builder);
    };
    let url = Url::parse(&endpoint).map_err(|error| StoreError::Configuration {
        what: format!("endpoint {endpoint:?} is no URL: {error}"),
    })?;
    if url.scheme() != "http" {
        return Ok(builder);
    }
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let allowed = AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp);
    let allowed = builder
        .get_config_value(&allowed)
        .is_some_and(|value| value == "true");
    if loopback {
        Ok(builder.with_allow_http(true))
    } else if allowed {
        Ok(builder)
    } else {
        let what = format!("endpoint {endpoint} is not encrypted: set AWS_ALLOW_HTTP=true if that is meant");
        Err(StoreError::Configuration { what })
    }
}

fn with_certificates(
    mut client: object_store::ClientOptions,
    path: &str,
) -> Result<object_store::ClientOptions, StoreError> {
    let wrong = |error: &dyn std::fmt::Display| StoreError::Configuration {
        what: format!("AWS_CA_BUNDLE {path} cannot be used: {error}"),
    };
    let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
    for certificate in Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))? {
        client = client.with_root_certificate(certificate);
    }
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(variables: &[(&str, &str)]) -> Result<(), String> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(
            home.path().join(".aws/credentials"),
            "[default]\naws_access_key_id = a\naws_secret_access_key = b\n",
        )
        .unwrap();
        std::fs::write(
            home.path().join(".aws/config"),
            "[profile lab]\nendpoint_url = http://192.0.2.1\naws_access_key_id = a\naws_secret_access_key = b\n\
             [profile sso]\nsso_session = x\n",
        )
        .unwrap();
        let home = home.path().to_str().unwrap().to_owned();
        let environment: Environment = variables
            .iter()
            .copied()
            .chain([("HOME", home.as_str())])
            .collect();
        let url = Url::parse("s3://bucket/x").unwrap();
        location(&url, &environment)
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn takes_the_profile_and_says_what_is_missing() {
        assert_eq!(outcome(&[]), Ok(()));
        assert_eq!(outcome(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")]), Ok(()));
        assert!(
            outcome(&[("AWS_ENDPOINT_URL", "127.0.0.1:9000")])
                .unwrap_err()
                .contains("no URL")
        );
        assert!(
            outcome(&[("AWS_PROFILE", "lab")])
                .unwrap_err()
                .contains("AWS_ALLOW_HTTP")
        );
        assert_eq!(
            outcome(&[("AWS_PROFILE", "lab"), ("AWS_ALLOW_HTTP", "true")]),
            Ok(())
        );
        assert!(
            outcome(&[("AWS_PROFILE", "nobody")])
                .unwrap_err()
                .contains("nobody")
        );
        assert!(
            outcome(&[("AWS_PROFILE", "sso")])
                .unwrap_err()
                .contains("sso_session")
        );
        assert_eq!(
            outcome(&[
                ("AWS_PROFILE", "sso"),
                ("AWS_ACCESS_KEY_ID", "a"),
                ("AWS_SECRET_ACCESS_KEY", "b")
            ]),
            Ok(())
        );
    }

    #[test]
    fn without_any_credentials_says_so() {
        let environment: Environment = [("AWS_EC2_METADATA_DISABLED", "true")].into_iter().collect();
        let error = location(&Url::parse("s3://bucket/x").unwrap(), &environment).unwrap_err();
        assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
    }
}
