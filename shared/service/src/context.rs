//! What a service is made of.

use std::sync::Arc;

use minigate_cache::{BuildError, Cache};
use minigate_domain::{Clock, Entropy};
use minigate_store::Store;

use crate::Background;

/// What every service of a process shares. Cloning is cheap.
#[derive(Clone)]
pub struct Context {
    /// The cache, in which a service builds its namespaces.
    pub cache: Cache,
    /// The product's data.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Work that requests leave running.
    pub background: Background,
}

/// What a noun does as one operation.
///
/// A function has a service by naming its type: the platform makes it at its first use, once for each
/// process. A function that does not name it links none of it.
pub trait Service: Clone + Send + Sync + 'static {
    /// The service on this context. Makes no call.
    ///
    /// # Errors
    /// [`BuildError`] if a namespace of it is defined wrongly, which a test excludes.
    fn new(context: &Context) -> Result<Self, BuildError>;
}
