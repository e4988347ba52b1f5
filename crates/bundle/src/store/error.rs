//! What a store can answer beside bytes.

/// Why a store gave no bytes, or took none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The text is no place of a bundle.
    #[error("{url:?} is no place for a bundle: {why}")]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// This program was built without the store.
    #[error("this program was built without support for {scheme}://")]
    Unsupported {
        /// The URL's scheme.
        scheme: String,
    },
    /// The settings for the store contradict one another or lack something.
    #[error("{what}")]
    Configuration {
        /// What is wrong, and how to mend it.
        what: String,
    },
    /// Nothing is there.
    #[error("{place} is not there")]
    NotFound {
        /// Where it was looked for.
        place: String,
    },
    /// The store refused the credentials, or the credentials do not reach so far.
    #[error("access to {place} was refused: {why}")]
    Denied {
        /// What was accessed.
        place: String,
        /// What the store said.
        why: String,
    },
    /// The store takes no writes.
    #[error("{place} can only be read")]
    ReadOnly {
        /// Where a write was tried.
        place: String,
    },
    /// There are fewer bytes than the store said.
    #[error("{place} ended early: {found} of {expected} bytes")]
    EndedEarly {
        /// What was read.
        place: String,
        /// Bytes asked for.
        expected: u64,
        /// Bytes given.
        found: u64,
    },
    /// Between two requests, another object came into the place of the first.
    #[error("{place} was replaced while it was being read")]
    Changed {
        /// What was read.
        place: String,
    },
    /// A file is larger than its reader takes.
    #[error("{place} has {found} bytes, more than the limit of {limit}")]
    TooLarge {
        /// What was read.
        place: String,
        /// Its bytes.
        found: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Anything else, after retries.
    #[error("{place} cannot be used")]
    Failed {
        /// What was accessed.
        place: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Url { .. } => "store.url",
            Self::Unsupported { .. } => "store.unsupported",
            Self::Configuration { .. } => "store.configuration",
            Self::NotFound { .. } => "store.not_found",
            Self::Denied { .. } => "store.denied",
            Self::ReadOnly { .. } => "store.read_only",
            Self::EndedEarly { .. } => "store.ended_early",
            Self::Changed { .. } => "store.changed",
            Self::TooLarge { .. } => "store.too_large",
            Self::Failed { .. } => "store.failed",
        }
    }

    pub(crate) fn local(place: &std::path::Path, error: std::io::Error) -> Self {
        let place = place.display().to_string();
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound { place },
            std::io::ErrorKind::PermissionDenied => Self::Denied {
                place,
                why: error.to_string(),
            },
            _ => Self::Failed {
                place,
                source: Box::new(error),
            },
        }
    }

    /// Requests that are about no single object come without their meaning, and the type that holds the status is not
    /// public: what is left is its text.
    fn answered(place: String, source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        let text = chain(source.as_ref());
        let status = |code: &str| text.contains(&format!("status code: {code}"));
        if status("401") || status("403") {
            Self::Denied {
                place,
                why: said(source.as_ref()),
            }
        } else if status("404") {
            Self::NotFound { place }
        } else {
            Self::Failed { place, source }
        }
    }

    pub(crate) fn remote(place: &str, error: object_store::Error) -> Self {
        let place = place.to_owned();
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound { place },
            object_store::Error::PermissionDenied { source, .. }
            | object_store::Error::Unauthenticated { source, .. } => Self::Denied {
                place,
                why: said(source.as_ref()),
            },
            object_store::Error::Generic { source, .. } => Self::answered(place, source),
            other => Self::Failed {
                place,
                source: Box::new(other),
            },
        }
    }
}

/// What the store said, in few words: the code and message of an S3 answer, else the last cause.
fn said(error: &(dyn std::error::Error + 'static)) -> String {
    let text = chain(error);
    let tag = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
    };
    match (tag("Code"), tag("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code,
        _ => text,
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Many causes are repeated in the text of what they caused.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_the_store_said() {
        let body = "403: <Error><Code>SignatureDoesNotMatch</Code><Message>not yours</Message></Error>";
        let error = object_store::Error::PermissionDenied {
            path: "x".into(),
            source: body.into(),
        };
        let error = StoreError::remote("s3://bucket/x", error);
        assert_eq!(error.code(), "store.denied");
        assert_eq!(
            error.to_string(),
            "access to s3://bucket/x was refused: SignatureDoesNotMatch: not yours"
        );
    }
}
