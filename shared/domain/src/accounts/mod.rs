//! An account: what belongs to one user and is read together.

mod erasure;
mod roles;
mod tier;

pub use erasure::{ERASURE_GRACE, Erasure, MAX_ERASURE_GRACE, MIN_ERASURE_GRACE};
pub use roles::{
    Grant, GrantedAdmin, GrantedAdmins, InvalidRole, MAX_GRANTED_ADMINS, Role, RoleChange,
    RoleRefusal, Roles,
};
pub use tier::{InvalidTier, Tier};
