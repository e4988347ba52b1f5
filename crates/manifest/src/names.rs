//! Names as types, so that a secret's name is never passed where a marble's type belongs.

use std::borrow::Borrow;
use std::fmt;

macro_rules! name_type {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a name as it was given; whether the manifest knows it is asked elsewhere.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as it stands in the manifest.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name)
            }
        }
    };
}

name_type!(
    /// The type of a marble: key of `Marbles`.
    MarbleType
);
name_type!(
    /// Key of `Packages`.
    PackageName
);
name_type!(
    /// Key of `Secrets`.
    SecretName
);
name_type!(
    /// Key of `Users`.
    UserName
);
name_type!(
    /// Key of `Roles`.
    RoleName
);
name_type!(
    /// Key of `Models`: the name under which the model is served.
    ModelName
);
name_type!(
    /// Key of `TLS`.
    TlsTag
);
