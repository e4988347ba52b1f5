//! What the coordinator sends, held against what the description allows. Pure: the host's environment is an argument.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use strongroom_api::marble::Parameters;
use strongroom_crypto::secret::SecretBytes;
use strongroom_workload::{Argv, Description, is_plain_path, loads_code};

use crate::credentials::Credentials;

/// What the workload is given: files, environment and arguments, all of it allowed.
#[derive(Debug)]
pub struct Plan {
    /// Path and content of each file, sorted by path.
    pub files: Vec<(String, SecretBytes)>,
    /// The whole environment.
    pub environment: BTreeMap<String, OsString>,
    /// The whole argument vector.
    pub argv: Vec<String>,
    /// Variables that were sent or set and are not passed on.
    pub dropped: Vec<String>,
}

/// The coordinator sends what the description does not allow, or what nobody can use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// A file outside what is allowed.
    #[error(
        "the coordinator sends the file {path:?}, which is neither below {provision_dir} nor in the description's \
         `coordinator_may_set.files`"
    )]
    FileNotAllowed {
        /// Its path.
        path: String,
        /// Where it may write.
        provision_dir: String,
    },
    /// A path that is relative or has a second spelling.
    #[error("the coordinator sends a file at {0:?}: no absolute, plain path")]
    FilePath(String),
    /// A place that the launcher fills itself.
    #[error("the coordinator sends the file {0:?}, a place that belongs to the launcher")]
    FileReserved(String),
    /// One path is another's directory.
    #[error("the coordinator sends a file at {0:?} and others below it")]
    FileAndDirectory(String),
    /// More or larger than the launcher takes.
    #[error("the coordinator sends more than {max} {what}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// The description leaves argv to the coordinator, and it sends none.
    #[error("the description takes argv from the coordinator, and the coordinator sends none")]
    NoArgv,
    /// An argument or value with a NUL.
    #[error("{0} contains a NUL byte")]
    Nul(String),
    /// Transparent TLS.
    #[error(
        "the manifest asks for transparent TLS (`TLS`), which this runtime does not do: remove it for this marble"
    )]
    TransparentTls,
}

impl ParameterError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FileNotAllowed { .. } => "launcher.file_not_allowed",
            Self::FilePath(_) | Self::FileAndDirectory(_) => "launcher.file_path",
            Self::FileReserved(_) => "launcher.file_reserved",
            Self::TooMuch { .. } => "launcher.limit",
            Self::NoArgv => "launcher.no_argv",
            Self::Nul(_) => "launcher.nul",
            Self::TransparentTls => "launcher.transparent_tls",
        }
    }
}

/// Decides what of `parameters` and of the host's environment reaches the workload.
///
/// # Errors
/// [`ParameterError`]: a file that is not allowed is refused rather than left out, because a workload without its
/// configuration is another workload. Variables that are not allowed are left out, as the description promises.
pub fn plan(
    description: &Description,
    parameters: Parameters,
    credentials: &Credentials,
    host: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Plan, ParameterError> {
    let Parameters { files, env, argv } = parameters;
    let files = check_files(description, files)?;
    let mut dropped = Vec::new();
    let mut environment = BTreeMap::new();
    for (name, value) in host {
        match name.to_str() {
            // The launcher's own variables are not news when they are left out; neither are thousands of the host's.
            Some(name) if host_may_set(description, name) => drop(environment.insert(name.to_owned(), value)),
            Some(name) if loads_code(name) => dropped.push(name.to_owned()),
            _ => {}
        }
    }
    for (name, value) in env {
        match name.as_str() {
            TTLS => return Err(ParameterError::TransparentTls),
            // Taken from the checked credentials below.
            ROOT_CA | CHAIN | COORDINATOR_CA | PRIVATE_KEY => {}
            other if coordinator_may_set(description, other) => {
                let value = OsString::from_vec(value);
                if value.as_bytes().contains(&0) {
                    return Err(ParameterError::Nul(format!("the variable {name}")));
                }
                environment.insert(name, value);
            }
            _ => dropped.push(name),
        }
    }
    add_identity(description, credentials, &files, &mut environment);
    let argv = match description.argv() {
        Argv::Fixed(arguments) => arguments.clone(),
        Argv::Coordinator if argv.is_empty() => return Err(ParameterError::NoArgv),
        Argv::Coordinator if argv.len() > ARGUMENTS_MAX => {
            return Err(ParameterError::TooMuch {
                what: "arguments",
                max: ARGUMENTS_MAX,
            });
        }
        Argv::Coordinator => argv,
    };
    if argv.iter().any(|argument| argument.contains('\0')) {
        return Err(ParameterError::Nul("an argument".to_owned()));
    }
    Ok(Plan {
        files,
        environment,
        argv,
        dropped,
    })
}

fn host_may_set(description: &Description, name: &str) -> bool {
    !loads_code(name) && description.environment().iter().any(|allowed| allowed == name)
}

fn coordinator_may_set(description: &Description, name: &str) -> bool {
    let own = matches!(name, PRIVATE_KEY_FILE | PROVISION_FILE) || name.starts_with(PREDEFINED);
    !own && !loads_code(name)
        && (description.coordinator_may_set().allows_variable(name) || host_may_set(description, name))
}

/// What every workload is told of itself. The private key only by file, unless the description asks for MarbleRun's way.
fn add_identity(
    description: &Description,
    credentials: &Credentials,
    files: &[(String, SecretBytes)],
    environment: &mut BTreeMap<String, OsString>,
) {
    let directory = description.provision_dir();
    let mut set = |name: &str, value: String| drop(environment.insert(name.to_owned(), value.into()));
    set(ROOT_CA, credentials.marble_root().to_pem());
    set(CHAIN, credentials.chain_pem().to_owned());
    set(COORDINATOR_CA, credentials.coordinator_root().to_pem());
    set(PRIVATE_KEY_FILE, format!("{directory}/{KEY_FILE}"));
    let provision_file = format!("{directory}/provision.json");
    if files.iter().any(|(path, _)| *path == provision_file) {
        set(PROVISION_FILE, provision_file);
    }
    if description.coordinator_may_set().allows_variable(PRIVATE_KEY) {
        set(PRIVATE_KEY, credentials.key().to_pkcs8_pem().to_string());
    }
}

fn check_files(
    description: &Description,
    files: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> Result<Vec<(String, SecretBytes)>, ParameterError> {
    let directory = description.provision_dir();
    let below = |path: &str, folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let mut checked = BTreeMap::new();
    for (path, content) in files {
        if !is_plain_path(&path) {
            return Err(ParameterError::FilePath(path));
        }
        if !below(&path, directory) && !description.coordinator_may_set().allows_file(&path) {
            return Err(ParameterError::FileNotAllowed {
                path,
                provision_dir: directory.to_owned(),
            });
        }
        let reserved = [
            format!("{directory}/{IDENTITY}"),
            format!("{directory}/{OUTSIDE}"),
        ];
        if path == directory || reserved.iter().any(|own| path == *own || below(&path, own)) {
            return Err(ParameterError::FileReserved(path));
        }
        checked.insert(path, SecretBytes::new(content));
        if checked.len() > FILES_MAX {
            return Err(ParameterError::TooMuch {
                what: "files",
                max: FILES_MAX,
            });
        }
    }
    let paths: Vec<&String> = checked.keys().collect();
    match paths
        .iter()
        .find(|path| paths.iter().any(|other| below(other, path)))
    {
        Some(path) => Err(ParameterError::FileAndDirectory((*path).clone())),
        None => Ok(checked.into_iter().collect()),
    }
}

/// Folder of the identity, below the provision directory.
pub const IDENTITY: &str = "identity";
/// Where files outside the provision directory really lie, below it.
pub(crate) const OUTSIDE: &str = ".outside";
/// The private key, below the provision directory.
pub const KEY_FILE: &str = "identity/key.pem";

const PREDEFINED: &str = "MARBLE_PREDEFINED_";
const ROOT_CA: &str = "MARBLE_PREDEFINED_ROOT_CA";
const CHAIN: &str = "MARBLE_PREDEFINED_MARBLE_CERTIFICATE_CHAIN";
const COORDINATOR_CA: &str = "MARBLE_PREDEFINED_COORDINATOR_ROOT_CA";
const PRIVATE_KEY: &str = "MARBLE_PREDEFINED_PRIVATE_KEY";
const TTLS: &str = "MARBLE_TTLS_CONFIG";
const PRIVATE_KEY_FILE: &str = "STRONGROOM_PRIVATE_KEY_FILE";
const PROVISION_FILE: &str = "STRONGROOM_PROVISION_FILE";

const FILES_MAX: usize = 4096;
const ARGUMENTS_MAX: usize = 4096;
