//! An account: what belongs to one user and is read together.

mod roles;
mod tier;

pub use roles::{
    Grant, GrantedAdmin, GrantedAdmins, InvalidRole, MAX_GRANTED_ADMINS, Role, RoleChange,
    RoleRefusal, Roles,
};
pub use tier::{InvalidTier, Tier};
