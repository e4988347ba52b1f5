//! What may be asked of a platform that DCAP vouches for, SGX and TDX alike.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::status::TcbStatus;
use crate::hex_bytes::HexBytes;

/// How well the platform has to be patched, and how fresh what says so has to be. The default is the strict one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TcbPolicy {
    /// Accepted for as long as Intel says it. `Revoked` cannot stand here.
    pub accepted_statuses: BTreeSet<TcbStatus>,
    /// Accepted so many days after the date of the level that the platform has: how long an operator may take to patch.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub grace_days: BTreeMap<TcbStatus, u32>,
    /// If not empty, every advisory that is open on the platform has to stand here.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub accepted_advisories: BTreeSet<String>,
    /// If not empty, every advisory that is open on a platform of status `SWHardeningNeeded` has to stand here: what is
    /// asked of software there is known by name. Other statuses are not concerned.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub hardening_advisories: BTreeSet<String>,
    /// No advisory that is open on the platform may stand here.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub denied_advisories: BTreeSet<String>,
    /// Least `tcbEvaluationDataNumber`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation_number_min: Option<u32>,
    /// How many days ago TCB information and QE identity may have been issued, though they say themselves that they hold
    /// longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collateral_age_days_max: Option<u32>,
}

/// Which machines are accepted. An empty list accepts all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HardwarePolicy {
    /// Families of platforms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fmspcs: Vec<HexBytes<6>>,
    /// Processor packages, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ppids: Vec<HexBytes<16>>,
    /// Platforms of several packages, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platform_instance_ids: Vec<HexBytes<16>>,
    /// Whether two threads run on a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smt: Option<Demand>,
    /// Whether Intel's registration service keeps the platform's root keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_keys: Option<Demand>,
    /// Whether packages may be added to the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_platform: Option<Demand>,
}

/// What is asked of a bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// It is one.
    Set,
    /// It is zero.
    Clear,
}

impl Default for TcbPolicy {
    fn default() -> Self {
        Self {
            accepted_statuses: [TcbStatus::UpToDate, TcbStatus::SWHardeningNeeded].into(),
            grace_days: BTreeMap::new(),
            accepted_advisories: BTreeSet::new(),
            hardening_advisories: BTreeSet::new(),
            denied_advisories: BTreeSet::new(),
            evaluation_number_min: None,
            collateral_age_days_max: None,
        }
    }
}

impl TcbPolicy {
    /// Refuses what contradicts itself, and what nobody may accept.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let named = || self.accepted_statuses.iter().chain(self.grace_days.keys());
        if named().any(|status| *status == TcbStatus::Revoked) {
            return Err("a revoked platform cannot be accepted".to_owned());
        }
        if named().next().is_none() {
            return Err("it accepts no TCB status at all".to_owned());
        }
        let both = self
            .accepted_statuses
            .iter()
            .find(|status| self.grace_days.contains_key(status));
        match both {
            Some(status) => Err(format!("it accepts {status} both with and without an end")),
            None => Ok(()),
        }
    }
}

impl Demand {
    pub(crate) const fn holds(self, set: bool) -> bool {
        match self {
            Self::Set => set,
            Self::Clear => !set,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Clear => "clear",
        }
    }
}
