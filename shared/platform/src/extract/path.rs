//! Path parameters.

use axum::{
    extract::{FromRequestParts, MatchedPath},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::{Code, Problem};

/// The parameters of a route's path.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        use axum::extract::{path::ErrorKind, rejection::PathRejection};

        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                let field = match error.into_kind() {
                    ErrorKind::ParseErrorAtKey { key, .. }
                    | ErrorKind::DeserializeError { key, .. }
                    | ErrorKind::InvalidUtf8InPathParam { key } => key,
                    _ => only_part(parts).unwrap_or("path").to_owned(),
                };
                Err(Problem::new(Code::PATH_INVALID).field(field, "is malformed"))
            }
            Err(error) => Err(Problem::internal(error)),
        }
    }
}

/// The name of the route's parameter, if there is only one: axum does not report it then.
fn only_part(parts: &Parts) -> Option<&str> {
    let route = parts.extensions.get::<MatchedPath>()?.as_str();
    let mut names = route.split('{').skip(1).filter_map(|part| part.split_once('}'));
    let (name, _) = names.next()?;
    names.next().is_none().then_some(name)
}
