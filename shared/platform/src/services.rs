//! The services of a process, each made when a handler first asks for it.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    convert::Infallible,
    sync::{Mutex, PoisonError},
};

use axum::{extract::FromRequestParts, http::request::Parts};
use minigate_service::Context;

use crate::Platform;

/// Services by their type. The types are named where they are used, so that each function links only
/// its own.
pub(crate) struct Services {
    context: Context,
    made: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

impl Services {
    pub(crate) fn new(context: Context) -> Self {
        Self { context, made: Mutex::default() }
    }

    #[expect(clippy::expect_used, reason = "namespaces are constants, which a test builds")]
    pub(crate) fn get<S: minigate_service::Service>(&self) -> S {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let service = made.entry(TypeId::of::<S>()).or_insert_with(|| {
            Box::new(S::new(&self.context).expect("the namespaces of a service"))
        });
        service.downcast_ref::<S>().expect("a service under its own type").clone()
    }
}

impl Platform {
    /// The service of this type, the same one for the whole process.
    pub fn service<S: minigate_service::Service>(&self) -> S {
        self.services.get()
    }
}

/// The service of this type, for a handler.
#[derive(Clone, Copy, Debug)]
pub struct Service<S>(pub S);

impl<S: minigate_service::Service> FromRequestParts<Platform> for Service<S> {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, platform: &Platform) -> Result<Self, Infallible> {
        Ok(Self(platform.service()))
    }
}
