//! What every command has: the clock, randomness, and how to speak.

use std::path::Path;

use strongroom_client::{
    Caller, Endorsements, Error, SystemRandom, UnixTime, UserIdentity, endorsements, files,
};

use crate::output::Output;

/// Made once, before a command runs.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) now: UnixTime,
    pub(crate) random: SystemRandom,
    pub(crate) output: Output,
    endorsements: Endorsements,
}

impl Context {
    pub(crate) fn new(json: bool, now: UnixTime) -> Self {
        Self {
            now,
            random: SystemRandom,
            output: Output::new(json),
            endorsements: Endorsements::none(),
        }
    }

    /// Warns of a file with a secret that others than its owner may read or change.
    pub(crate) fn warn_if_open(&self, file: &Path) {
        if files::is_open_to_others(file) {
            let file = file.display();
            self.output.warning(&format!(
                "others than its owner may read or change {file}: chmod 600 {file}"
            ));
        }
    }

    /// Who asks, and when.
    pub(crate) fn caller<'a>(&'a self, identity: Option<&'a UserIdentity>) -> Caller<'a> {
        Caller {
            now: self.now,
            random: &self.random,
            identity,
            endorsements: &self.endorsements,
        }
    }
}

/// What vendors sign about platforms, given by file.
#[derive(Debug, clap::Args)]
pub(crate) struct Endorse {
    /// What vendors sign about the coordinator's platform: a file or a folder. Several can be given.
    #[arg(long, value_name = "FILE|DIR")]
    endorsements: Vec<std::path::PathBuf>,
}

impl Endorse {
    pub(crate) fn load(&self) -> Result<Endorsements, Error> {
        endorsements::load(&self.endorsements)
    }
}

/// A user's certificate and key, given by file.
#[derive(Debug, clap::Args)]
pub(crate) struct User {
    /// Certificate of the user of the manifest who asks (PEM).
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<std::path::PathBuf>,

    /// Private key of that user (PKCS#8 PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<std::path::PathBuf>,
}

impl User {
    pub(crate) fn load(&self, context: &Context) -> Result<Option<UserIdentity>, Error> {
        match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => load(cert, key, context).map(Some),
            _ => Ok(None),
        }
    }
}

pub(crate) fn load(cert: &Path, key: &Path, context: &Context) -> Result<UserIdentity, Error> {
    context.warn_if_open(key);
    UserIdentity::load(cert, key)
}
