//! Revocation lists of the two authorities above a PCK certificate. All that are on hand count, whatever they came with:
//! who brings collateral of his own, with an older list that is still in force, hides nothing that a newer one revokes.

use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use strongroom_crypto::x509::crl::Crl;

use crate::cache::SignatureCache;
use crate::endorsements::Endorsements;
use crate::platform::dcap::chain::{self, PckChain};
use crate::platform::dcap::collateral::Collateral;

/// The lists of both authorities.
#[derive(Default)]
pub(in crate::platform::dcap) struct Lists<'a> {
    /// Of the authority that issued the PCK certificate.
    pub(in crate::platform::dcap) ca: Signed<'a>,
    pub(in crate::platform::dcap) root: Signed<'a>,
}

/// The lists that one authority signed.
#[derive(Default)]
pub(in crate::platform::dcap) struct Signed<'a> {
    lists: Vec<&'a Crl>,
    /// Why a list that names the authority is not among them.
    refused: Option<&'static str>,
}

impl<'a> Lists<'a> {
    /// The lists among all endorsements that the authorities of `chain` signed.
    pub(in crate::platform::dcap) fn gather(
        chain: Option<&PckChain>,
        endorsements: &'a Endorsements,
        signatures: Option<&SignatureCache>,
    ) -> Self {
        let Some(chain) = chain else {
            return Self::default();
        };
        let collateral = endorsements.dcap().filter_map(|text| text.read().as_ref().ok());
        let inside = collateral.flat_map(|collateral| [&collateral.pck_crl, &collateral.root_crl]);
        let mut given: Vec<&Crl> = Vec::new();
        for list in inside.flatten().chain(endorsements.lists()) {
            if !given.contains(&list) {
                given.push(list);
            }
        }
        Self {
            ca: Signed::gather(&given, &chain.ca, signatures),
            root: Signed::gather(&given, &chain.root, signatures),
        }
    }

    /// The lists that are held against the time, with their names: without one that was rightly signed, that of the
    /// collateral itself.
    pub(in crate::platform::dcap) fn timed<'b>(
        &'b self,
        collateral: &'b Collateral,
    ) -> [(&'static str, Vec<&'b Crl>); 2] {
        [
            ("the PCK revocation list", self.ca.or(&collateral.pck_crl)),
            ("the root's revocation list", self.root.or(&collateral.root_crl)),
        ]
    }
}

impl<'a> Signed<'a> {
    fn gather(given: &[&'a Crl], issuer: &Certificate, signatures: Option<&SignatureCache>) -> Self {
        let mut found = Self::default();
        for list in given {
            if list.issuer_raw() != issuer.subject_raw() {
                continue;
            }
            match chain::check_crl(list, issuer, signatures) {
                Ok(()) => found.lists.push(list),
                Err(why) => found.refused = Some(why),
            }
        }
        found
    }

    /// When the newest of them was made.
    ///
    /// # Errors
    /// A half sentence about why there is none.
    pub(in crate::platform::dcap) fn newest(&self) -> Result<UnixTime, &'static str> {
        let newest = self.lists.iter().map(|list| list.this_update()).max();
        newest.ok_or_else(|| self.refused.unwrap_or("none"))
    }

    /// Whether one of them revokes the certificate.
    pub(in crate::platform::dcap) fn revoke(&self, certificate: &Certificate) -> bool {
        let mut lists = self.lists.iter();
        lists.any(|list| list.is_revoked(certificate.serial()))
    }

    fn or<'b>(&'b self, own: &'b Option<Crl>) -> Vec<&'b Crl> {
        if self.lists.is_empty() {
            own.iter().collect()
        } else {
            self.lists.clone()
        }
    }
}
