//! The limit of verification.

use minigate_platform::limits::Limit;

/// Init data that another back end has verified: a unit each, up to a hundred in a request.
pub const VERIFY: Limit = Limit::per_api_key("verify", 6_000, 60).max_weight(100);

/// All of them.
pub const LIMITS: &[Limit] = &[VERIFY];
