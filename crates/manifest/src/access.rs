//! Who asks, and whether they may: users are known by their certificate, byte for byte.

use std::collections::BTreeSet;

use strongroom_crypto::time::UnixTime;

use crate::manifest::Manifest;
use crate::names::{PackageName, RoleName, SecretName, UserName};
use crate::user::Permission;

/// A user who proved to hold the key of a certificate that the manifest names. [`Manifest::authenticate`] makes it.
///
/// ```compile_fail,E0451
/// let forged = strongroom_manifest::Actor { user: "admin".into(), permissions: Default::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    user: UserName,
    permissions: BTreeSet<Permission>,
}

/// Leave for one action of one actor. [`Actor::permit`] is the only way to get one; using it consumes it.
///
/// ```compile_fail,E0451
/// use strongroom_manifest::access::{Permit, UpdateManifest};
/// let forged = Permit { user: "admin".into(), right: UpdateManifest };
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Permit<R> {
    user: UserName,
    right: R,
}

/// Something that a permission may allow.
pub trait Right {
    /// The permissions that it takes, all of them.
    fn needs(&self) -> Vec<Permission>;
}

/// Read the values of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSecrets(pub Vec<SecretName>);

/// Set the values of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteSecrets(pub Vec<SecretName>);

/// Raise the least security version of packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateSecurityVersions(pub Vec<PackageName>);

/// Propose, acknowledge or cancel another manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateManifest;

impl Right for ReadSecrets {
    fn needs(&self) -> Vec<Permission> {
        self.0.iter().cloned().map(Permission::ReadSecret).collect()
    }
}

impl Right for WriteSecrets {
    fn needs(&self) -> Vec<Permission> {
        self.0.iter().cloned().map(Permission::WriteSecret).collect()
    }
}

impl Right for UpdateSecurityVersions {
    fn needs(&self) -> Vec<Permission> {
        self.0
            .iter()
            .cloned()
            .map(Permission::UpdateSecurityVersion)
            .collect()
    }
}

impl Right for UpdateManifest {
    fn needs(&self) -> Vec<Permission> {
        vec![Permission::UpdateManifest]
    }
}

/// Add what vendors sign about platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddEndorsements;

impl Right for AddEndorsements {
    fn needs(&self) -> Vec<Permission> {
        vec![Permission::AddEndorsements]
    }
}

/// A certificate stands for no user, or not now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// The manifest names no such certificate.
    #[error("client certificate did not match any MarbleRun users")]
    Unknown,
    /// The certificate of a known user is not valid now, and `Config` does not keep MarbleRun's rule.
    #[error("certificate of user {0} is expired or not yet valid")]
    Expired(UserName),
}

/// A user lacks a permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("user {user} may not {permission}")]
pub struct Denied {
    /// Who asked.
    pub user: UserName,
    /// The first permission that is missing.
    pub permission: Permission,
}

impl Manifest {
    /// Who holds a certificate (DER, as the TLS client presented it; TLS has checked that the key is held).
    ///
    /// # Errors
    /// [`AuthenticateError`].
    pub fn authenticate(&self, certificate: &[u8], now: UnixTime) -> Result<Actor, AuthenticateError> {
        let same = |user: &crate::user::User| user.certificate().der() == certificate;
        let found = self.users().iter().find(|(_, user)| same(user));
        let (name, user) = found.ok_or(AuthenticateError::Unknown)?;
        let valid = user.certificate().is_valid_at(now);
        if !valid && !self.config().accept_expired_user_certificates {
            return Err(AuthenticateError::Expired(name.clone()));
        }
        Ok(Actor {
            user: name.clone(),
            permissions: self.permissions_of(name),
        })
    }

    /// Everything that a user may do: the permissions of all of the user's roles.
    pub fn permissions_of(&self, user: &UserName) -> BTreeSet<Permission> {
        let roles = self.users().get(user).map_or(&[][..], |user| &user.roles);
        let roles = roles.iter().filter_map(|name| self.roles().get(name));
        roles.flat_map(|role| role.permissions.iter().cloned()).collect()
    }

    /// Users who hold a permission.
    pub fn users_who(&self, permission: &Permission) -> Vec<UserName> {
        let allows = |role: &RoleName| {
            let role = self.roles().get(role);
            role.is_some_and(|role| role.permissions.contains(permission))
        };
        let holders = self
            .users()
            .iter()
            .filter(|(_, user)| user.roles.iter().any(allows));
        holders.map(|(name, _)| name.clone()).collect()
    }

    /// How many users have to acknowledge an update of the manifest; 0 where nobody may update it.
    pub fn update_acknowledgements(&self) -> usize {
        let updaters = self.users_who(&Permission::UpdateManifest).len();
        match usize::try_from(self.config().update_threshold) {
            Ok(threshold) if threshold > 0 => threshold,
            _ => updaters,
        }
    }
}

impl Actor {
    /// The user's name in the manifest.
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// Everything that this user may do.
    pub fn permissions(&self) -> &BTreeSet<Permission> {
        &self.permissions
    }

    /// Leave for an action.
    ///
    /// # Errors
    /// [`Denied`] names the first permission that is missing.
    pub fn permit<R: Right>(&self, right: R) -> Result<Permit<R>, Denied> {
        match right
            .needs()
            .into_iter()
            .find(|permission| !self.permissions.contains(permission))
        {
            Some(permission) => Err(Denied {
                user: self.user.clone(),
                permission,
            }),
            None => Ok(Permit {
                user: self.user.clone(),
                right,
            }),
        }
    }
}

impl<R> Permit<R> {
    /// Who may.
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// What they may do.
    pub fn right(&self) -> &R {
        &self.right
    }

    /// Spends the permit.
    pub fn into_parts(self) -> (UserName, R) {
        (self.user, self.right)
    }
}
