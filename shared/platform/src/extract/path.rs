//! Parts of the path.

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::de::DeserializeOwned;

use crate::{Code, Problem};

/// The variable parts of a route's path.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        use axum::extract::{path::ErrorKind, rejection::PathRejection};

        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                let (field, message) = match error.into_kind() {
                    ErrorKind::ParseErrorAtKey { key, expected_type, .. } => {
                        (key, format!("must be of type {expected_type}"))
                    }
                    ErrorKind::DeserializeError { key, message, .. } => (key, message),
                    kind => ("path".to_owned(), kind.to_string()),
                };
                Err(Problem::new(Code::PathInvalid).field(field, message))
            }
            Err(error) => Err(Problem::internal(error)),
        }
    }
}
