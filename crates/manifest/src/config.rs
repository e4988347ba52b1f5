//! `Config`: what holds for the whole deployment.

use crate::fields::Fields;

/// How the state is sealed to the platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub enum SealMode {
    /// To the signer of the coordinator: a newer version of the same product opens it.
    #[default]
    ProductKey,
    /// To exactly this coordinator.
    UniqueKey,
    /// Not at all: nothing is kept on disk.
    Disabled,
}

/// An endpoint that is off unless the manifest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub enum FeatureGate {
    /// `POST /sign-quote`.
    SignQuoteEndpoint,
    /// `POST /monotonic-counter`.
    MonotonicCounter,
}

/// Settings of the deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How the state is sealed.
    pub seal_mode: SealMode,
    /// Endpoints that are on.
    pub feature_gates: Vec<FeatureGate>,
    /// How many users must acknowledge an update; 0 stands for all of them.
    pub update_threshold: u64,
    /// How many recovery keys it takes; 0 stands for all of them.
    pub recovery_threshold: u64,
    /// A full update makes a new root secret.
    pub rotate_root_secret: bool,
    /// Validity of leaf certificates in hours, 1 to 720; `None`: 24 hours, and MarbleRun's validity for MarbleRun's marbles.
    pub leaf_validity_hours: Option<u16>,
    /// Expired user certificates are taken, as MarbleRun does.
    pub accept_expired_user_certificates: bool,
}

impl Config {
    /// Whether an endpoint is on.
    pub fn gate(&self, gate: FeatureGate) -> bool {
        self.feature_gates.contains(&gate)
    }
}

const CONFIG: &[&str] = &[
    "SealMode",
    "FeatureGates",
    "UpdateThreshold",
    "RecoveryThreshold",
    "RotateRootSecret",
    "LeafValidity",
    "AcceptExpiredUserCertificates",
];

pub(crate) fn read(top: &Fields<'_>) -> Config {
    let mut config = Config {
        seal_mode: SealMode::ProductKey,
        feature_gates: Vec::new(),
        update_threshold: 0,
        recovery_threshold: 0,
        rotate_root_secret: false,
        leaf_validity_hours: None,
        accept_expired_user_certificates: false,
    };
    let Some(fields) = top.object("Config", CONFIG) else {
        return config;
    };
    config.seal_mode = read_seal_mode(&fields);
    config.feature_gates = read_gates(&fields);
    config.update_threshold = fields
        .unsigned("UpdateThreshold", u64::from(u32::MAX))
        .unwrap_or(0);
    config.recovery_threshold = fields
        .unsigned("RecoveryThreshold", u64::from(u32::MAX))
        .unwrap_or(0);
    config.rotate_root_secret = fields.flag("RotateRootSecret").unwrap_or(false);
    config.leaf_validity_hours = read_leaf_validity(&fields);
    config.accept_expired_user_certificates = fields.flag("AcceptExpiredUserCertificates").unwrap_or(false);
    config
}

fn read_seal_mode(fields: &Fields<'_>) -> SealMode {
    match fields.text("SealMode").unwrap_or_default() {
        "" | "ProductKey" => SealMode::ProductKey,
        "UniqueKey" => SealMode::UniqueKey,
        "Disabled" => SealMode::Disabled,
        other => {
            let known = "known are ProductKey, UniqueKey and Disabled, in this spelling";
            fields.problems().check_hint(
                &fields.at("SealMode"),
                format!("unknown seal mode: {other}"),
                known,
            );
            SealMode::ProductKey
        }
    }
}

fn read_gates(fields: &Fields<'_>) -> Vec<FeatureGate> {
    let mut gates = Vec::new();
    for (path, gate) in fields.texts("FeatureGates") {
        if gate.eq_ignore_ascii_case("SignQuoteEndpoint") {
            gates.push(FeatureGate::SignQuoteEndpoint);
        } else if gate.eq_ignore_ascii_case("MonotonicCounter") {
            gates.push(FeatureGate::MonotonicCounter);
        } else if gate.eq_ignore_ascii_case("AzureHSMSealing") {
            fields
                .problems()
                .check(&path, "sealing with an Azure HSM key is not supported");
        } else {
            let known = "known are SignQuoteEndpoint and MonotonicCounter";
            fields
                .problems()
                .check_hint(&path, format!("unknown feature gate: {gate}"), known);
        }
    }
    gates
}

fn read_leaf_validity(fields: &Fields<'_>) -> Option<u16> {
    let hours = fields
        .unsigned("LeafValidity", u64::MAX)
        .filter(|hours| *hours != 0)?;
    let valid = u16::try_from(hours)
        .ok()
        .filter(|hours| *hours <= LEAF_VALIDITY_HOURS_MAX);
    if valid.is_none() {
        let message =
            format!("{hours} hours: a leaf certificate is valid for 1 to {LEAF_VALIDITY_HOURS_MAX} hours");
        fields.problems().check(&fields.at("LeafValidity"), message);
    }
    valid
}

/// 30 days.
pub const LEAF_VALIDITY_HOURS_MAX: u16 = 720;
/// Where the manifest chooses none.
pub const LEAF_VALIDITY_HOURS_DEFAULT: u16 = 24;
