//! What a request counts against.

use std::net::{IpAddr, Ipv4Addr};

use minigate_domain::{SessionId, Tier, UserId};

use super::limit::{Limit, Per};
use crate::extract::{ApiKeyId, ClientAddress};

/// Whom a limit holds for: the key of its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A user.
    pub fn user(id: UserId) -> Self {
        Self::of(Per::User, &id.to_string())
    }

    /// A session, whether it is alive or not.
    pub fn session(id: SessionId) -> Self {
        Self::of(Per::Session, &id.to_string())
    }

    /// The network that an address counts as. Clients of which no address is known are one.
    pub fn address(address: ClientAddress) -> Self {
        let network = address.network().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Self::of(Per::Address, &network.to_string())
    }

    /// An API key. Requests without one, which API Gateway lets through nowhere, are one client.
    pub fn api_key(key: &ApiKeyId) -> Self {
        Self::of(Per::ApiKey, key.0.as_deref().unwrap_or("none"))
    }

    fn of(per: Per, id: &str) -> Self {
        Self(format!("{}#{id}", per.as_str()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// So many units of one limit, for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub(super) limit: &'static Limit,
    pub(super) key: Key,
    pub(super) tier: Tier,
    pub(super) weight: u32,
}

impl Charge {
    /// A unit, for a user of this tier.
    pub fn user(limit: &'static Limit, id: UserId, tier: Tier) -> Self {
        Self { limit, key: Key::user(id), tier, weight: 1 }
    }

    /// A unit, for this session.
    pub fn session(limit: &'static Limit, id: SessionId) -> Self {
        Self { limit, key: Key::session(id), tier: Tier::Free, weight: 1 }
    }

    /// A unit, for the address that the request comes from.
    pub fn address(limit: &'static Limit, address: ClientAddress) -> Self {
        Self { limit, key: Key::address(address), tier: Tier::Free, weight: 1 }
    }

    /// So many units, for the API key of the request.
    pub fn api_key(limit: &'static Limit, key: &ApiKeyId, weight: u32) -> Self {
        Self { limit, key: Key::api_key(key), tier: Tier::Free, weight }
    }
}
