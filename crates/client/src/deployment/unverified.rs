//! Whoever answers at an address. What it says is shown as its own words, and nothing depends on it.

use http::Method;
use strongroom_api::coordinator::v3::Status;

use super::Caller;
use crate::error::Error;
use crate::rest::{Body, Rest};

/// A peer that nobody verified.
pub struct Unverified(Rest);

impl Unverified {
    pub(super) fn new(rest: Rest) -> Self {
        Self(rest)
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// What connections can fail with.
    pub async fn status(&self) -> Result<Status, Error> {
        self.0.call(Method::GET, "/api/v3/status", Body::Empty).await
    }

    /// What its evidence would have to be held against: for drafting a policy that somebody then checks.
    ///
    /// # Errors
    /// What connections can fail with, and evidence that cannot be read.
    pub async fn claimed(&self, caller: &Caller<'_>) -> Result<crate::policy::Claimed, Error> {
        let (evidence, binding) = super::attested::ask(&self.0, caller).await?;
        Ok(crate::policy::Claimed::new(&evidence, &binding))
    }
}

impl std::fmt::Debug for Unverified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unverified({})", self.0.peer())
    }
}
