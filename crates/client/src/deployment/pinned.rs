//! A coordinator that a trust file knows: its root is pinned to the byte. It is read from, and sent nothing that is
//! secret.

use http::Method;
use strongroom_api::coordinator::bytes::Base64;
use strongroom_api::coordinator::log::Entry;
use strongroom_api::coordinator::phase;
use strongroom_api::coordinator::v2::Manifest as ManifestAnswer;
use strongroom_api::coordinator::v3::{AddEndorsement, AddEndorsementAnswer, Endorsements, Log, Status};
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_ratls::{PinnedRoot, Trust as Peer};

use super::{Caller, Coordinator};
use crate::error::Error;
use crate::log::{Follower, LogError, LogFile};
use crate::rest::{Body, Rest};
use crate::trust::{Change, Trust};

/// Entries asked for at once.
const PAGE_ENTRIES: u64 = 1000;
/// Most entries that are fetched by one command.
const LOG_ENTRIES_MAX: usize = 1_000_000;

/// The coordinator that a trust file pins. [`Coordinator::pinned`] is the only way to one.
pub struct PinnedCoordinator {
    rest: Rest,
    trust: Trust,
}

pub(super) async fn connect(
    coordinator: &Coordinator,
    trust: &Trust,
    caller: &Caller<'_>,
) -> Result<PinnedCoordinator, Error> {
    let peer = Peer::Pinned(PinnedRoot::new(trust.root().clone()));
    let session = strongroom_ratls::connect(&coordinator.target(caller)?, &peer).await?;
    Ok(PinnedCoordinator {
        rest: coordinator.speak(session).await?.verified(),
        trust: trust.clone(),
    })
}

impl PinnedCoordinator {
    /// What the coordinator says of itself, in the deployment that the trust file pins.
    ///
    /// # Errors
    /// [`Error::RolledBack`], [`Error::Changed`], [`Error::Log`] where its log does not continue the pinned one.
    pub async fn status(&self) -> Result<Status, Error> {
        let status: Status = self.rest.call(Method::GET, "/api/v3/status", Body::Empty).await?;
        if status.phase == phase::ROLLED_BACK {
            return Err(Error::RolledBack {
                peer: self.trust.coordinator().to_owned(),
            });
        }
        if let Some(found) = status.manifest_digest.map(|digest| Digest32(digest.0))
            && found != self.trust.manifest_digest()
        {
            return Err(Error::Changed(vec![Change::Manifest {
                pinned: self.trust.manifest_digest(),
                found,
            }]));
        }
        follow(
            &self.rest,
            self.trust.log_head(),
            crate::log::head(&status.log_head),
        )
        .await?;
        Ok(status)
    }

    /// What it keeps of what vendors sign about platforms. For users of the manifest.
    ///
    /// # Errors
    /// [`Error::Refused`], and what connections can fail with.
    pub async fn endorsements(&self) -> Result<Endorsements, Error> {
        self.rest
            .call(Method::GET, "/api/v3/endorsements", Body::Empty)
            .await
    }

    /// Hands it one file with what a vendor signs about platforms; gives its digest.
    ///
    /// # Errors
    /// [`Error::Refused`] with `endorsement.older`, `user.forbidden` and others; what connections can fail with.
    pub async fn add_endorsement(&self, file: Vec<u8>) -> Result<Digest32, Error> {
        let expected = sha256(&file);
        let request = AddEndorsement {
            endorsement: Base64(file),
        };
        let body = Body::Plain(serde_json::to_vec(&request).expect("bytes can be written to memory"));
        let answer: AddEndorsementAnswer = self.rest.call(Method::POST, "/api/v3/endorsements", body).await?;
        if answer.digest.0 != expected.0 {
            return Err(self.rest.unclear("it kept another file than it was sent"));
        }
        Ok(expected)
    }

    /// The manifest, if it is the pinned one.
    ///
    /// # Errors
    /// [`Error::Changed`].
    pub async fn manifest(&self) -> Result<Vec<u8>, Error> {
        let answer: Option<ManifestAnswer> = self
            .rest
            .call_v2(Method::GET, "/api/v2/manifest", Body::Empty)
            .await?;
        let raw = answer
            .ok_or_else(|| self.rest.unclear("it shows no manifest"))?
            .manifest
            .0;
        let (pinned, found) = (self.trust.manifest_digest(), sha256(&raw));
        if found == pinned {
            Ok(raw)
        } else {
            Err(Error::Changed(vec![Change::Manifest { pinned, found }]))
        }
    }

    /// The whole log, for [`LogFile::verify`].
    ///
    /// # Errors
    /// [`Error::Log`] where it is longer than is fetched, or cannot be read.
    pub async fn log(&self) -> Result<LogFile, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let page = page(&self.rest, entries.len() as u64).await?;
            if page.entries.is_empty() && (entries.len() as u64) < page.head.size {
                return Err(self.rest.unclear("its log ends early"));
            }
            entries.extend(page.entries);
            if entries.len() > LOG_ENTRIES_MAX {
                return Err(LogError::Form(format!("more than {LOG_ENTRIES_MAX} entries")).into());
            }
            if entries.len() as u64 >= page.head.size {
                entries.truncate(usize::try_from(page.head.size).unwrap_or(usize::MAX));
                let root = self.trust.root();
                return Ok(LogFile::new(
                    page.deployment,
                    root,
                    entries,
                    page.checkpoint,
                    page.head,
                ));
            }
        }
    }
}

/// Follows the log over a connection from a head that was seen to one that is claimed.
pub(super) async fn follow(rest: &Rest, seen: LogHead, claimed: LogHead) -> Result<(), Error> {
    let mut follower = Follower::new(seen, claimed)?;
    if claimed.size - seen.size > LOG_ENTRIES_MAX as u64 {
        return Err(LogError::Form(format!(
            "more than {LOG_ENTRIES_MAX} entries since it was verified"
        ))
        .into());
    }
    while let Some(next) = follower.wanted() {
        let page = page(rest, next).await?;
        if page.entries.is_empty() {
            return Err(LogError::NotExtended { pinned: seen.size }.into());
        }
        for entry in &page.entries {
            // The log may have grown behind the head that the evidence covers.
            if follower.wanted().is_some() {
                follower.take(entry)?;
            }
        }
    }
    follower.finish()?;
    Ok(())
}

async fn page(rest: &Rest, from: u64) -> Result<Log, Error> {
    rest.call(
        Method::GET,
        &format!("/api/v3/log?from={from}&max={PAGE_ENTRIES}"),
        Body::Empty,
    )
    .await
}

impl std::fmt::Debug for PinnedCoordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PinnedCoordinator({})", self.trust.coordinator())
    }
}
