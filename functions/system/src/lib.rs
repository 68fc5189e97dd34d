//! Administration of a running deployment.
//!
//! | route | store calls |
//! |---|---|
//! | `GET /v1/system/limits` | 1 read |
//! | `PUT /v1/system/limits/{policy}` | 1 read, 1 write |
//! | `DELETE /v1/system/limits/{policy}` | 1 read, 1 write |
//! | `DELETE /v1/system/limits` | 1 write |
//! | `GET /v1/system/settings` | 1 read |
//! | `PUT /v1/system/settings` | 1 read, 1 write |
//! | `DELETE /v1/system/settings` | 1 read, 1 write |
//! | `GET /v1/system/limits/keys/{kind}/{id}` | a read of the limiter for each limit of the kind; 1 more of a user's tier |
//! | `DELETE /v1/system/limits/keys/{kind}/{id}` | 1 write, and one of the limiter for each limit of the kind |
//! | `PUT /v1/system/users/{id}/tier` | 1 read, 1 write |
//! | `GET /v1/system/users/{id}/roles` | 1 read |
//! | `PUT`, `DELETE /v1/system/users/{id}/roles/{role}` | 1 read (of the role `admin`, 2), 2 writes: the account is invalidated on other instances, then the role changes |
//! | `GET /v1/system/audit` | 1 read |
//! | `GET /v1/system/cache` | 1 read |
//! | `DELETE /v1/system/cache` | 2 writes |
//!
//! All routes require an administrator. Writes also require a session that is not revoked (one more read; none
//! with init data). They are recorded in `Audit`, with the administrator and the previous value: in the same
//! transaction, if they change `Main`. An administrator by a
//! grant causes that read on every route.
//!
//! A change of a limit or a setting takes effect at once on the instance that makes it, and on the others within
//! ten seconds or with the first request after that.

mod audit;
mod cache;
mod catalogue;
mod keys;
mod limits;
mod roles;
mod settings;
mod users;

use minigate_platform::{Function, Needs, Router};
use utoipa_axum::routes;

pub use self::catalogue::{LIMITS, NAMESPACES};

/// The function, as its `main` runs it and `cargo dev` serves it.
pub fn function() -> Function {
    Function::routes("system", router, Needs::ALL.all_limits(LIMITS)).with_codes(&[
        limits::POLICY_NOT_FOUND,
        limits::POLICIES_UNREADABLE,
        settings::SETTINGS_UNREADABLE,
        roles::USER_NOT_FOUND,
        roles::ROLE_GRANT_TO_SELF,
        roles::ROLE_NOT_FOUND,
        roles::LAST_ADMINISTRATOR,
        roles::ADMIN_OF_DEPLOYMENT,
        roles::TOO_MANY_ADMINISTRATORS,
    ])
}

/// The routes of this function.
pub fn router() -> Router {
    Router::new()
        .routes(routes!(limits::list, limits::reset_all))
        .routes(routes!(limits::change, limits::reset))
        .routes(routes!(
            settings::read_settings,
            settings::replace_settings,
            settings::reset_settings
        ))
        .routes(routes!(keys::read, keys::reset))
        .routes(routes!(users::set_tier))
        .routes(routes!(roles::read))
        .routes(routes!(roles::grant, roles::withdraw))
        .routes(routes!(audit::read))
        .routes(routes!(cache::read, cache::invalidate))
}
