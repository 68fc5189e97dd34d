//! Which limits a process knows.

use std::slice::Iter;

use super::limit::{Limit, OF_PLATFORM};

/// The limits that a process knows: the platform's, and those that were named where it was linked.
///
/// A function knows its own and not those of others, so that adding a limit to a noun compiles that
/// noun. What is stored or configured of a limit that it does not know is none of its business. The
/// administrators' function and `cargo dev` know every limit; they take no other name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    named: &'static [Limit],
    is_all: bool,
}

impl Known {
    /// The platform's alone.
    pub const OF_PLATFORM: Self = Self { named: &[], is_all: false };

    /// The platform's and these, of a function.
    pub const fn some(named: &'static [Limit]) -> Self {
        Self { named, is_all: false }
    }

    /// The platform's and these, of all functions: there are no others.
    pub const fn all(named: &'static [Limit]) -> Self {
        Self { named, is_all: true }
    }

    /// Whether there are no others.
    pub const fn is_all(self) -> bool {
        self.is_all
    }

    /// Those of a function's own: none if it has all, because others own them.
    pub(crate) const fn own(self) -> &'static [Limit] {
        if self.is_all { &[] } else { self.named }
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.named.is_empty()
    }

    /// The limits, first the platform's.
    pub fn iter(self) -> std::iter::Chain<Iter<'static, Limit>, Iter<'static, Limit>> {
        const { &OF_PLATFORM }.iter().chain(self.named)
    }

    /// The limit of this name.
    pub fn find(self, name: &str) -> Option<&'static Limit> {
        self.iter().find(|limit| limit.name == name)
    }

    /// The names of all, for a message.
    pub fn names(self) -> String {
        self.iter().map(|limit| limit.name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: Limit = Limit::per_user("messages", 30, 60);

    #[test]
    fn a_function_knows_its_own_limits_and_the_platform_s() {
        let known = Known::some(&[MESSAGES]);
        assert_eq!(known.names(), "api, admin, messages");
        assert_eq!(known.find("messages"), Some(&MESSAGES));
        assert_eq!(known.find("message"), None);
        assert_eq!(Known::OF_PLATFORM.find("messages"), None);
    }
}
