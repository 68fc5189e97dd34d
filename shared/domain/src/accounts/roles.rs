//! What a user may do: roles, who grants them, and why the last administrator stays.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Timestamp, UserId};

/// How many administrators may hold their role by a grant: they are one item, which is read whole.
pub const MAX_GRANTED_ADMINS: usize = 50;

/// A text that names no role.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a role is one of user, author, support, admin")]
pub struct InvalidRole;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Role {
    /// Everyone with good credentials. It is nobody's to grant.
    User,
    /// Makes content.
    Author,
    /// Helps users.
    Support,
    /// Runs the deployment, and may do what every other role may.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::User, Self::Author, Self::Support, Self::Admin];
    /// The roles that administrators grant.
    pub const GRANTED: [Self; 3] = [Self::Author, Self::Support, Self::Admin];

    /// The name in items, paths and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Author => "author",
            Self::Support => "support",
            Self::Admin => "admin",
        }
    }

    /// Whether who has this role may do what `other` may.
    pub fn includes(self, other: Self) -> bool {
        self == other || self == Self::Admin || other == Self::User
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(InvalidRole)
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.as_str().to_owned()
    }
}

impl TryFrom<String> for Role {
    type Error = InvalidRole;

    fn try_from(text: String) -> Result<Self, InvalidRole> {
        text.parse()
    }
}

/// A role that a user was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who granted it.
    pub granted_by: UserId,
    /// When.
    pub granted_at: Timestamp,
    /// When it ends by itself, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Grant {
    /// Whether it holds at this moment.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// What an administrator does to a role of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleChange {
    /// Grants it, in the place of what was granted before.
    Grant(Role, Grant),
    /// Withdraws it.
    Withdraw(Role),
}

impl RoleChange {
    /// Which role it is about.
    pub const fn role(&self) -> Role {
        match self {
            Self::Grant(role, _) | Self::Withdraw(role) => *role,
        }
    }
}

/// Why a role is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RoleRefusal {
    /// Nobody grants themselves a role, nor more time for one.
    #[error("nobody grants a role to themselves")]
    ToOneself,
    /// The user does not hold the role by a grant.
    #[error("the user does not hold this role by a grant")]
    NotHeld,
    /// Nobody would be left who may grant roles.
    #[error("it is the last administrator without an expiry")]
    LastAdministrator,
    /// There are [`MAX_GRANTED_ADMINS`].
    #[error("there are too many administrators")]
    TooManyAdministrators,
    /// The user's account is to be erased.
    #[error("the user's account is to be erased")]
    BeingErased,
    /// The user never had a session.
    #[error("the user never had a session")]
    UnknownUser,
}

/// The roles that one user was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// Also those that have expired, until the next change.
    #[serde(default)]
    pub grants: BTreeMap<Role, Grant>,
    /// Counts the changes; 0 for a user who was never granted any.
    #[serde(default)]
    pub version: u64,
}

impl Roles {
    /// The grants that hold at this moment.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = (Role, &Grant)> {
        let grants = self.grants.iter().map(|(role, grant)| (*role, grant));
        grants.filter(move |(_, grant)| grant.is_in_force(now))
    }

    /// Whether the user may do what `role` may.
    pub fn allow(&self, role: Role, now: Timestamp) -> bool {
        role == Role::User || self.in_force(now).any(|(held, _)| held.includes(role))
    }

    /// The roles after a change.
    ///
    /// # Errors
    /// [`RoleRefusal::ToOneself`] or [`RoleRefusal::NotHeld`].
    pub fn changed(
        &self,
        user_id: UserId,
        change: &RoleChange,
        now: Timestamp,
    ) -> Result<Self, RoleRefusal> {
        let mut grants = self.grants.clone();
        grants.retain(|_, grant| grant.is_in_force(now));
        match change {
            RoleChange::Grant(_, grant) if grant.granted_by == user_id => {
                return Err(RoleRefusal::ToOneself);
            }
            RoleChange::Grant(role, grant) => {
                grants.insert(*role, grant.clone());
            }
            RoleChange::Withdraw(role) => {
                grants.remove(role).ok_or(RoleRefusal::NotHeld)?;
            }
        }
        Ok(Self { grants, version: self.version + 1 })
    }
}

/// Who is an administrator by a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedAdmins {
    /// Also those whose grant has expired, until the next change.
    #[serde(default)]
    pub admins: Vec<GrantedAdmin>,
    /// Counts the changes; 0 before the first.
    #[serde(default)]
    pub version: u64,
}

/// An administrator by a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedAdmin {
    /// Who it is.
    pub user_id: UserId,
    /// When the grant ends, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl GrantedAdmins {
    /// Whether somebody is an administrator who stays one unless the grant is withdrawn.
    pub fn has_permanent(&self) -> bool {
        self.admins.iter().any(|admin| admin.expires_at.is_none())
    }

    /// The administrators after the erasure of this user; `None` if they are not among them.
    pub fn without(&self, user_id: UserId) -> Option<Self> {
        let mut admins = self.admins.clone();
        admins.retain(|admin| admin.user_id != user_id);
        let version = self.version + 1;
        (admins.len() < self.admins.len()).then_some(Self { admins, version })
    }

    /// The administrators after a change of this user's role `admin`. Where the deployment has none of
    /// its own (`has_others` is false), the last one who does not expire stays.
    ///
    /// # Errors
    /// [`RoleRefusal::LastAdministrator`] or [`RoleRefusal::TooManyAdministrators`].
    pub fn changed(
        &self,
        user_id: UserId,
        change: &RoleChange,
        has_others: bool,
        now: Timestamp,
    ) -> Result<Self, RoleRefusal> {
        let mut admins = self.admins.clone();
        admins.retain(|admin| {
            admin.user_id != user_id && admin.expires_at.is_none_or(|end| now < end)
        });
        if let RoleChange::Grant(_, Grant { expires_at, .. }) = change {
            admins.push(GrantedAdmin { user_id, expires_at: *expires_at });
        }
        if admins.len() > MAX_GRANTED_ADMINS {
            return Err(RoleRefusal::TooManyAdministrators);
        }
        let after = Self { admins, version: self.version + 1 };
        if !has_others && self.has_permanent() && !after.has_permanent() {
            return Err(RoleRefusal::LastAdministrator);
        }
        Ok(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(10_000);

    fn user(id: u64) -> UserId {
        UserId::new(id).unwrap()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    fn grant(role: Role, expires_at: Option<u64>) -> RoleChange {
        let grant = Grant { granted_by: user(1), granted_at: NOW, expires_at: expires_at.map(at) };
        RoleChange::Grant(role, grant)
    }

    fn admins(all: &[(u64, Option<u64>)]) -> GrantedAdmins {
        let admin = |&(id, end): &(u64, Option<u64>)| GrantedAdmin {
            user_id: user(id),
            expires_at: end.map(at),
        };
        GrantedAdmins { admins: all.iter().map(admin).collect(), version: 3 }
    }

    #[test]
    fn names_round_trip() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(Role::try_from(String::from(role)), Ok(role));
        }
        for text in ["", "Admin", "root"] {
            assert_eq!(text.parse::<Role>(), Err(InvalidRole));
        }
    }

    #[test]
    fn an_administrator_may_do_everything_and_everybody_what_a_user_may() {
        for role in Role::ALL {
            assert!(Role::Admin.includes(role) && role.includes(Role::User) && role.includes(role));
        }
        for (role, other) in [
            (Role::Author, Role::Support),
            (Role::Support, Role::Author),
            (Role::Support, Role::Admin),
            (Role::User, Role::Author),
        ] {
            assert!(!role.includes(other), "{role} includes {other}");
        }
    }

    #[test]
    fn a_grant_holds_until_it_expires_or_is_withdrawn() {
        let roles = Roles::default();
        assert!(roles.allow(Role::User, NOW) && !roles.allow(Role::Author, NOW));
        let roles = roles.changed(user(2), &grant(Role::Author, Some(11_000)), NOW).unwrap();
        assert!(roles.allow(Role::Author, at(10_999)) && !roles.allow(Role::Author, at(11_000)));
        let withdrawal = RoleChange::Withdraw(Role::Author);
        let without = roles.changed(user(2), &withdrawal, NOW).unwrap();
        assert_eq!(without, Roles { grants: BTreeMap::new(), version: 2 });
        assert_eq!(without.changed(user(2), &withdrawal, NOW), Err(RoleRefusal::NotHeld));
        assert_eq!(roles.changed(user(2), &withdrawal, at(11_000)), Err(RoleRefusal::NotHeld));
    }

    #[test]
    fn nobody_grants_themselves_anything() {
        for role in Role::GRANTED {
            let change = grant(role, None);
            assert_eq!(
                Roles::default().changed(user(1), &change, NOW),
                Err(RoleRefusal::ToOneself)
            );
        }
    }

    #[test]
    fn the_last_administrator_who_does_not_expire_stays() {
        let withdrawal = RoleChange::Withdraw(Role::Admin);
        let (last, two) =
            (admins(&[(2, None), (3, Some(20_000))]), admins(&[(2, None), (3, None)]));
        let refused = Err(RoleRefusal::LastAdministrator);
        assert_eq!(last.changed(user(2), &withdrawal, false, NOW), refused);
        let expiring = grant(Role::Admin, Some(20_000));
        assert_eq!(last.changed(user(2), &expiring, false, NOW), refused);
        for (before, id, has_others) in [(&last, 2, true), (&last, 3, false), (&two, 2, false)] {
            assert!(before.changed(user(id), &withdrawal, has_others, NOW).is_ok());
        }
        let none = admins(&[(3, Some(20_000))]);
        assert!(none.changed(user(3), &withdrawal, false, NOW).is_ok(), "nothing gets worse");
    }

    #[test]
    fn administrators_are_bounded_and_expired_ones_make_room() {
        let full: Vec<_> = (2..).map(|id| (id, Some(20_000))).take(MAX_GRANTED_ADMINS).collect();
        let full = admins(&full);
        let change = grant(Role::Admin, None);
        let new = user(1_000);
        let refusal = Err(RoleRefusal::TooManyAdministrators);
        assert_eq!(full.changed(new, &change, true, NOW), refusal);
        assert!(full.changed(user(2), &change, true, NOW).is_ok(), "one of them");
        let after = full.changed(new, &change, true, at(20_000)).unwrap();
        assert_eq!(after.admins, [GrantedAdmin { user_id: new, expires_at: None }]);
    }
}
