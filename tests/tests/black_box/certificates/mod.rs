//! `/v1/certificates`, `/v1/me/certificates` and the DID document.

mod local_only;
mod own;
mod public;
mod verify;
