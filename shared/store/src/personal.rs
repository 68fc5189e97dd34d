//! Personal data, by noun: each noun that stores any says what it has of a user, and erases it.
//!
//! A test walks the table of keys in `keys.rs`: every item that names a user belongs to a noun of
//! [`NOUNS`], or says there why not.
//!
//! A noun whose items lie in the user's partition below a prefix of their own needs three lines:
//!
//! ```ignore
//! /// The attempts of a user at quizzes.
//! pub(crate) struct Attempts;
//!
//! impl PersonalData for Attempts {
//!     fn noun(&self) -> &'static str {
//!         "attempts"
//!     }
//!
//!     fn export<'a>(&'a self, of: &'a Subject<'a>) -> Exporting<'a> {
//!         Box::pin(of.store.export_items(of.user_id, keys::ATTEMPTS, MAX_ATTEMPTS))
//!     }
//!
//!     fn erase<'a>(&'a self, store: &'a Store, user_id: UserId) -> Erasing<'a> {
//!         Box::pin(store.erase_items(user_id, keys::ATTEMPTS))
//!     }
//! }
//! ```

use std::{future::Future, pin::Pin};

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use minigate_domain::UserId;
use serde_json::{Map, Value, json};

use crate::{
    Account, Store, StoreError,
    accounts::erase_admin,
    attempts::OfAttempts,
    call::{Item, failed, sort_key, string},
    certificates::OfCertificates,
    keys::{self, PARTITION_KEY, SORT_KEY},
    leaderboards::OfLeaderboards,
    quizzes,
};

/// How many items [`Store::erase_items`] deletes at once.
const PAGE: i32 = 25;

/// A future of a noun's.
pub type Exporting<'a> = Pin<Box<dyn Future<Output = Result<Value, StoreError>> + Send + 'a>>;

/// A future of a noun's.
pub type Erasing<'a> = Pin<Box<dyn Future<Output = Result<Erased, StoreError>> + Send + 'a>>;

/// Whose data is exported.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Where it is.
    pub store: &'a Store,
    /// The user.
    pub user_id: UserId,
    /// Their account, which has been read.
    pub account: &'a Account,
}

/// How far an erasure has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// Nothing is left of the noun's.
    All,
    /// There may be more.
    Some,
}

/// A noun that stores personal data.
pub trait PersonalData: Sync {
    /// Its name: the key in an export, and the word in the table of keys.
    fn noun(&self) -> &'static str;

    /// Everything that it has of the user, as JSON; bounded. Times are in Unix milliseconds, as they are
    /// stored.
    ///
    /// # Errors
    /// What the store says.
    fn export<'a>(&'a self, of: &'a Subject<'a>) -> Exporting<'a>;

    /// Deletes some of what it has of the user: so much as takes a second at most. It is called again
    /// until it says [`Erased::All`], perhaps by another process, and after that too.
    ///
    /// # Errors
    /// What the store says.
    fn erase<'a>(&'a self, store: &'a Store, user_id: UserId) -> Erasing<'a>;
}

/// Every noun that stores personal data, in the order in which it is erased. Attempts come first: once they are gone,
/// nobody scores one, which would issue a certificate and enter boards.
pub const NOUNS: [&dyn PersonalData; 9] = [
    &OfAttempts,
    &OfLeaderboards,
    &OfCertificates,
    &quizzes::Authored,
    &InAccount::Roles,
    &InAccount::Tier,
    &InAccount::Sessions,
    &InAccount::Profile,
    &InAccount::Erasure,
];

/// The nouns that are read with the account: no call of their own.
#[derive(Clone, Copy)]
enum InAccount {
    Profile,
    Sessions,
    Tier,
    Roles,
    Erasure,
}

impl PersonalData for InAccount {
    fn noun(&self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Sessions => "sessions",
            Self::Tier => "tier",
            Self::Roles => "roles",
            Self::Erasure => "erasure",
        }
    }

    fn export<'a>(&'a self, of: &'a Subject<'a>) -> Exporting<'a> {
        let account = of.account;
        let exported = match self {
            Self::Profile => json!(account.profile),
            Self::Sessions => json!(account.sessions.by_id),
            Self::Tier => json!(account.tier),
            Self::Roles => json!(account.roles.grants),
            Self::Erasure => json!(account.erasure),
        };
        Box::pin(async { Ok(exported) })
    }

    fn erase<'a>(&'a self, store: &'a Store, user_id: UserId) -> Erasing<'a> {
        let sort = match self {
            Self::Profile => keys::PROFILE,
            Self::Sessions => keys::SESSIONS,
            Self::Tier => keys::TIER,
            Self::Roles => {
                return Box::pin(async move {
                    erase_admin(store, user_id).await?;
                    store.erase_items(user_id, keys::ROLES).await
                });
            }
            // It says that there is something to erase, so it goes last, when the erasure is finished.
            Self::Erasure => return Box::pin(async { Ok(Erased::All) }),
        };
        Box::pin(store.erase_items(user_id, sort))
    }
}

impl Store {
    /// Everything that is stored of the user to whom the account belongs, by noun.
    ///
    /// # Errors
    /// What a noun says: an export is whole or there is none.
    pub async fn export(
        &self,
        user_id: UserId,
        account: &Account,
    ) -> Result<Map<String, Value>, StoreError> {
        let subject = Subject { store: self, user_id, account };
        let mut exported = Map::new();
        for noun in NOUNS {
            exported.insert(noun.noun().to_owned(), noun.export(&subject).await?);
        }
        Ok(exported)
    }

    /// The items in a user's partition whose sort keys begin with `prefix`, at most so many of them, as
    /// an array of what they hold besides their keys: for [`PersonalData::export`]. One query for each
    /// megabyte.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn export_items(
        &self,
        user_id: UserId,
        prefix: &str,
        most: usize,
    ) -> Result<Value, StoreError> {
        let mut exported = Vec::new();
        let mut after = None;
        loop {
            let left = i32::try_from(most - exported.len()).unwrap_or(i32::MAX);
            let query = self.query_of_user(user_id, prefix).limit(left);
            let output = query.set_exclusive_start_key(after).send().await;
            let output = output.map_err(|error| failed("Query", error))?;
            for mut item in output.items.unwrap_or_default() {
                item.retain(|name, _| name != PARTITION_KEY && name != SORT_KEY);
                exported.push(
                    serde_dynamo::from_item(item)
                        .map_err(|source| StoreError::Corrupt { entity: "item", source })?,
                );
            }
            after = output.last_evaluated_key;
            if after.is_none() || exported.len() >= most {
                return Ok(Value::Array(exported));
            }
        }
    }

    /// Deletes some of the items in a user's partition whose sort keys begin with `prefix`: for
    /// [`PersonalData::erase`]. One query, and a deletion for each item.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn erase_items(&self, user_id: UserId, prefix: &str) -> Result<Erased, StoreError> {
        self.erase_unless(user_id, prefix, |_| false).await
    }

    /// Deletes some of whatever is in a user's partition except the item that says that it is to be
    /// erased: what a noun forgot, or one of a newer release wrote.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn erase_rest(&self, user_id: UserId) -> Result<Erased, StoreError> {
        self.erase_unless(user_id, "", |item| sort_key(item) == Some(keys::ERASURE)).await
    }

    async fn erase_unless(
        &self,
        user_id: UserId,
        prefix: &str,
        stays: impl Fn(&Item) -> bool + Send,
    ) -> Result<Erased, StoreError> {
        let query = self.query_of_user(user_id, prefix).limit(PAGE);
        let query = query.projection_expression("#pk, #sk");
        let query = query.expression_attribute_names("#sk", SORT_KEY);
        let output = query.send().await.map_err(|error| failed("Query", error))?;
        for key in output.items.unwrap_or_default() {
            if !stays(&key) {
                let delete = self.client.delete_item().table_name(&self.tables.main);
                let deleted = delete.set_key(Some(key)).send().await;
                deleted.map_err(|error| failed("DeleteItem", error))?;
            }
        }
        let is_all = output.last_evaluated_key.is_none();
        Ok(if is_all { Erased::All } else { Erased::Some })
    }

    /// The items in a user's partition whose sort keys begin with `prefix`, read consistently.
    pub(crate) fn query_of_user(&self, user_id: UserId, prefix: &str) -> QueryFluentBuilder {
        let query = self
            .client
            .query()
            .table_name(&self.tables.main)
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_values(":user", string(keys::user(user_id)))
            .consistent_read(true);
        if prefix.is_empty() {
            return query.key_condition_expression("#pk = :user");
        }
        query
            .key_condition_expression("#pk = :user AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_values(":prefix", string(prefix))
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
    fn every_key_that_names_a_user_belongs_to_a_noun_that_exports_and_erases_it() {
        let nouns: BTreeSet<&str> = NOUNS.iter().map(|noun| noun.noun()).collect();
        assert_eq!(nouns.len(), NOUNS.len(), "two nouns have one name");
        let mut found = BTreeSet::new();
        for [table, item, partition, sort, personal] in rows() {
            let names_a_user = [item, partition, sort].iter().any(|cell| cell.contains("user"))
                || partition.contains("USER#");
            match personal {
                "none" => assert!(
                    !names_a_user,
                    "{item}: it names a user, so a noun of `personal::NOUNS` must export and erase it"
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
