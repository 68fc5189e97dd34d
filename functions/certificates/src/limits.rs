//! The limits of certificates.

use minigate_platform::limits::Limit;

/// Certificates that are verified from one address. Each costs a read.
pub const VERIFY_CERTIFICATE: Limit = Limit::per_address("verify-certificate", 60, 60);

/// Names that a user puts on certificates. Each has a certificate signed anew.
pub const NAME_CERTIFICATE: Limit = Limit::per_user("name-certificate", 20, 60 * 60);

/// All of them.
pub const LIMITS: &[Limit] = &[VERIFY_CERTIFICATE, NAME_CERTIFICATE];
