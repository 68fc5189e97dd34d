//! Personal data, by noun: each noun that stores any says what it has of a user.
//!
//! A test walks the table of keys in `keys.rs`: every item that names a user belongs to a noun of
//! [`NOUNS`], or says there why not.

use std::{future::Future, pin::Pin};

use serde_json::{Map, Value, json};

use crate::{Account, Store, StoreError, attempts::OfAttempts, certificates::OfCertificates};

/// A future of a noun's.
pub type Exporting<'a> = Pin<Box<dyn Future<Output = Result<Value, StoreError>> + Send + 'a>>;

/// A noun that stores personal data.
pub trait PersonalData: Sync {
    /// Its name: the key in an export, and the word in the table of keys.
    fn noun(&self) -> &'static str;

    /// Everything that it has of the user to whom the account belongs, as JSON; bounded. What is not in
    /// the account it reads from the store. Times are in Unix milliseconds, as they are stored.
    ///
    /// # Errors
    /// What the store says.
    fn export<'a>(&'a self, store: &'a Store, account: &'a Account) -> Exporting<'a>;
}

/// Every noun that stores personal data.
pub const NOUNS: [&dyn PersonalData; 7] = [
    &InAccount::Profile,
    &InAccount::Sessions,
    &InAccount::Tier,
    &InAccount::Roles,
    &OfAttempts,
    &crate::leaderboards::OfLeaderboards,
    &OfCertificates,
];

/// The nouns that are read with the account: no call of their own.
enum InAccount {
    Profile,
    Sessions,
    Tier,
    Roles,
}

impl PersonalData for InAccount {
    fn noun(&self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Sessions => "sessions",
            Self::Tier => "tier",
            Self::Roles => "roles",
        }
    }

    fn export<'a>(&'a self, _: &'a Store, account: &'a Account) -> Exporting<'a> {
        let exported = match self {
            Self::Profile => json!(account.profile),
            Self::Sessions => json!(account.sessions.by_id),
            Self::Tier => json!(account.tier),
            Self::Roles => json!(account.roles.grants),
        };
        Box::pin(async { Ok(exported) })
    }
}

impl Store {
    /// Everything that is stored of the user to whom the account belongs, by noun.
    ///
    /// # Errors
    /// What a noun says: an export is whole or there is none.
    pub async fn export(&self, account: &Account) -> Result<Map<String, Value>, StoreError> {
        let mut exported = Map::new();
        for noun in NOUNS {
            exported.insert(noun.noun().to_owned(), noun.export(self, account).await?);
        }
        Ok(exported)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::NOUNS;

    /// Of the rows of the table of keys: the table, the item, where the user's id stands, and the noun.
    fn rows() -> Vec<[&'static str; 5]> {
        let lines = include_str!("keys.rs").lines();
        let rows = lines.filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |"));
        let cells = rows.map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            <[&str; 5]>::try_from(cells).expect("a row of the table of keys has five cells")
        });
        cells.filter(|[table, ..]| table.starts_with('`')).collect()
    }

    #[test]
    fn every_key_that_names_a_user_belongs_to_a_noun_that_exports_it() {
        let nouns: BTreeSet<&str> = NOUNS.iter().map(|noun| noun.noun()).collect();
        assert_eq!(nouns.len(), NOUNS.len(), "two nouns have one name");
        let mut found = BTreeSet::new();
        for [table, item, partition, sort, personal] in rows() {
            let names_a_user = [item, partition, sort].iter().any(|cell| cell.contains("user"))
                || partition.contains("USER#");
            match personal {
                "none" => assert!(
                    !names_a_user,
                    "{item}: it names a user, so a noun of `personal::NOUNS` must export it"
                ),
                "expires" => assert_eq!(table, "`Volatile`", "{item}: does it expire?"),
                "kept" => assert_eq!(table, "`Audit`", "{item}: why is it kept?"),
                noun => {
                    let known = nouns.contains(noun);
                    assert!(known, "{item}: `{noun}` is no noun of `personal::NOUNS`");
                    found.insert(noun);
                }
            }
        }
        assert_eq!(found, nouns, "a noun has no key");
    }

    #[test]
    fn every_sort_key_of_a_user_stands_in_the_table() {
        let source = include_str!("keys.rs");
        let (documented, code) = source.split_once("use std").expect("the table stands first");
        let sort_keys = code.split("\"ACCOUNT#").skip(1);
        let sort_keys = sort_keys.filter_map(|rest| rest.split('"').next());
        for sort in sort_keys.filter(|sort| !sort.is_empty()) {
            let key = format!("`ACCOUNT#{sort}`");
            assert!(documented.contains(&key), "{key} is not in the table of keys");
        }
    }
}
