//! Texts in several languages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{InvalidField, Language};

/// Whether this is a text that people write: not only white space, at most so many characters, and no control
/// characters but tabs and line breaks.
pub(crate) fn is_text(text: &str, max_chars: usize) -> bool {
    let is_unfit = |char: char| char.is_control() && char != '\n' && char != '\t';
    !text.trim().is_empty() && text.chars().count() <= max_chars && !text.chars().any(is_unfit)
}

/// A text of Markdown without raw HTML: emphasis, code, lists, line breaks and links to `https` addresses.
///
/// Clients render it; `<` and `>` in it are characters and never tags. 1 to 4,000 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Markup(String);

impl Markup {
    /// The most characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 4_000;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Markup {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        if is_text(&text, Self::MAX_CHARS) {
            Ok(Self(text))
        } else {
            Err(InvalidField::new("a text of 1 to 4,000 characters, no control characters"))
        }
    }
}

impl From<Markup> for String {
    fn from(text: Markup) -> Self {
        text.0
    }
}

/// One text in one or more languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<Language, Markup>", into = "BTreeMap<Language, Markup>")]
pub struct Texts(BTreeMap<Language, Markup>);

impl Texts {
    /// The most languages.
    pub const MAX_LANGUAGES: usize = 16;

    /// A text in one language.
    pub fn single(language: Language, text: Markup) -> Self {
        Self(BTreeMap::from([(language, text)]))
    }

    /// Adds or replaces the text in one language.
    ///
    /// # Errors
    /// [`InvalidField`] if there are [`MAX_LANGUAGES`](Self::MAX_LANGUAGES) others.
    pub fn set(&mut self, language: Language, text: Markup) -> Result<(), InvalidField> {
        let mut texts = self.0.clone();
        texts.insert(language, text);
        *self = texts.try_into()?;
        Ok(())
    }

    /// The languages that this text is in.
    pub fn languages(&self) -> impl Iterator<Item = &Language> {
        self.0.keys()
    }

    /// Whether the text exists in this language.
    pub fn has(&self, language: &Language) -> bool {
        self.0.contains_key(language)
    }

    /// The text in the language asked for, else in the same language of another region (`pt` for `pt-br`),
    /// else in the `fallback`, else in any.
    pub fn get(&self, language: &Language, fallback: &Language) -> &str {
        let base = language.as_str().split('-').next().and_then(|base| base.parse().ok());
        let found = [Some(language), base.as_ref(), Some(fallback)]
            .into_iter()
            .flatten()
            .find_map(|language| self.0.get(language));
        found.or_else(|| self.0.values().next()).map_or("", Markup::as_str)
    }
}

impl TryFrom<BTreeMap<Language, Markup>> for Texts {
    type Error = InvalidField;

    fn try_from(texts: BTreeMap<Language, Markup>) -> Result<Self, InvalidField> {
        if (1..=Self::MAX_LANGUAGES).contains(&texts.len()) {
            Ok(Self(texts))
        } else {
            Err(InvalidField::new("a text in 1 to 16 languages"))
        }
    }
}

impl From<Texts> for BTreeMap<Language, Markup> {
    fn from(texts: Texts) -> Self {
        texts.0
    }
}
