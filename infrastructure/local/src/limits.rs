//! Every limit of every function, every namespace of their caches, and the committed catalogue of both.

use std::{collections::BTreeSet, fmt::Write, sync::LazyLock};

use minigate_domain::WithoutStore;
use minigate_platform::{
    caches,
    limits::{Known, Limit, Per},
};

use crate::functions;

/// What the functions declare, each limit of a noun once: the administrators' function declares all.
static OF_ALL_FUNCTIONS: LazyLock<Vec<Limit>> = LazyLock::new(|| {
    let functions = functions::all().into_iter();
    functions.flat_map(|function| function.needs().own_limits()).copied().collect()
});

/// The limits of all functions, without those of the platform.
pub fn of_functions() -> &'static [Limit] {
    &OF_ALL_FUNCTIONS
}

/// Every limit, first those of the platform.
pub fn all() -> Known {
    Known::all(of_functions())
}

/// Every namespace of the cache, first those of the platform, then those of the nouns by their names.
pub fn namespaces() -> Vec<&'static str> {
    let of_nouns: BTreeSet<_> =
        functions::all().iter().flat_map(|function| function.namespaces()).copied().collect();
    caches::OF_PLATFORM.iter().copied().chain(of_nouns).collect()
}

const HEAD: &str = "\
//! The limits and the namespaces of the cache of all functions, for administrators: this function links
//! none of the others.
//!
//! `cargo xtask generate` writes it from the constants of the functions; a test fails while it is out
//! of date.

";

/// `functions/system/src/catalogue.rs`, as it has to be.
pub fn catalogue() -> String {
    let limits: String = of_functions().iter().map(source).collect();
    let imports = if limits.contains("Floor") { "{Floor, Limit}" } else { "Limit" };
    let domain = if limits.contains(" WithoutStore::") || limits.contains("(WithoutStore::") {
        "use minigate_domain::WithoutStore;\n"
    } else {
        ""
    };
    format!(
        "{HEAD}{domain}use minigate_platform::limits::{imports};\n\n\
         /// The limits of all functions.\n\
         #[rustfmt::skip]\n\
         pub const LIMITS: &[Limit] = &[\n{limits}];\n\n\
         /// The namespaces of the cache, of the platform and of all functions.\n\
         #[rustfmt::skip]\n\
         pub const NAMESPACES: &[&str] = &{:?};\n",
        namespaces()
    )
}

/// A limit as the expression that makes it.
fn source(limit: &Limit) -> String {
    let Limit {
        name, per, units, period_seconds, without_store, max_weight, floor, multiples, ..
    } = limit;
    let constructor = match per {
        Per::User => "per_user",
        Per::Session => "per_session",
        Per::Address => "per_address",
        Per::ApiKey => "per_api_key",
    };
    let mut source = format!("    Limit::{constructor}({name:?}, {units}, {period_seconds})");
    let mut call = |text: String| {
        // Writing to a string does not fail.
        let _ = write!(source, "\n        .{text}");
    };
    if *without_store != WithoutStore::Open {
        call(format!("without_store(WithoutStore::{without_store:?})"));
    }
    if *max_weight != 1 {
        call(format!("max_weight({max_weight})"));
    }
    if let Some(floor) = floor {
        let without_store = match floor.without_store {
            Some(needed) => format!("Some(WithoutStore::{needed:?})"),
            None => "None".to_owned(),
        };
        call(format!(
            "floor(Floor {{ burst: {}, seconds_per_unit: {}, without_store: {without_store} }})",
            floor.burst, floor.seconds_per_unit
        ));
    }
    if multiples.iter().any(|multiple| *multiple != 1) {
        call(format!("multiples({multiples:?})"));
    }
    source + ",\n"
}
