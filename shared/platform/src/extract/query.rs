//! Query parameters.

use std::borrow::Cow;

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{Code, Problem};

/// The query parameters, none of which is repeated.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Query {
    fn parse(text: &str) -> Result<Self, Problem> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()).map(owned) {
            if parameters.iter().any(|(other, _)| *other == name) {
                return Err(Problem::new(Code::QUERY_INVALID).field(name, "must not be repeated"));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// The parameters with these names, none of which must be there; others are refused.
    ///
    /// # Errors
    /// [`Code::QUERY_INVALID`], with the invalid parameter.
    pub fn optional<const N: usize>(
        self,
        names: [&'static str; N],
    ) -> Result<[Option<String>; N], Problem> {
        let mut found = [const { None }; N];
        for (name, value) in self.0 {
            let place = names.iter().position(|known| *known == name);
            let Some(place) = place.and_then(|index| found.get_mut(index)) else {
                let problem = Problem::new(Code::QUERY_INVALID);
                return Err(problem.field(name, "is no parameter of this route"));
            };
            *place = Some(value);
        }
        Ok(found)
    }

    /// The only parameter, which must be one of `names`.
    ///
    /// # Errors
    /// [`Code::QUERY_INVALID`], with the invalid parameter.
    pub fn one_of(self, names: &[&'static str]) -> Result<(&'static str, String), Problem> {
        let invalid = |field: &str, message: String| {
            Err(Problem::new(Code::QUERY_INVALID).field(field, message))
        };
        let mut found = None;
        for (name, value) in self.0 {
            let Some(known) = names.iter().find(|known| **known == name) else {
                return invalid(&name, "is no parameter of this route".to_owned());
            };
            if let Some((first, _)) = found {
                return invalid(known, format!("must not stand beside `{first}`"));
            }
            found = Some((*known, value));
        }
        match found {
            Some(parameter) => Ok(parameter),
            None => invalid(names[0], format!("or another must be there: {}", names.join(", "))),
        }
    }
}

fn owned((name, value): (Cow<'_, str>, Cow<'_, str>)) -> (String, String) {
    (name.into_owned(), value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of(text: &str) -> Result<(&'static str, String), Problem> {
        Query::parse(text)?.one_of(&["tag", "namespace"])
    }

    #[test]
    fn optional_parameters_in_any_order() {
        let optional = |text| Query::parse(text).and_then(|query| query.optional(["a", "b"]));
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(optional("b=2&a=1").unwrap(), [text("1"), text("2")]);
        assert_eq!(optional("").unwrap(), [None, None]);
        for wrong in ["c=1", "a=1&a=2"] {
            assert_eq!(optional(wrong).unwrap_err().code(), Code::QUERY_INVALID, "{wrong}");
        }
    }

    #[test]
    fn one_parameter_of_those_that_there_are() {
        assert_eq!(one_of("tag=user%2342").unwrap(), ("tag", "user#42".to_owned()));
        assert_eq!(one_of("namespace=").unwrap(), ("namespace", String::new()));
        for text in ["", "tag=1&tag=2", "tag=1&namespace=2", "tags=1", "tag=1&x=2"] {
            assert_eq!(one_of(text).unwrap_err().code(), Code::QUERY_INVALID, "{text}");
        }
    }
}
