//! The architecture test: permitted dependencies, and which code may stand where.
//!
//! It reads the manifests from `cargo metadata`, and the source text for the two rules that clippy cannot
//! check. The rules are those of docs/architecture.md. An unknown package is reported; add it to
//! [`place_of`] and [`may_use`].

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::workspace::{self, text};

/// A package of the workspace, as far as the rules are concerned.
struct Package {
    name: String,
    /// Its folder, from the root of the workspace.
    folder: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    is_for_tests: bool,
}

/// Where a package stands. Arrows point down:
/// `functions -> platform -> {service, limiter, outbox, outbound, init-data}`, `service -> {store, cache}`, from functions
/// and platform past the next layer, and from all but the libraries to domain.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Function,
    Platform,
    /// What a noun does as one operation.
    Service,
    /// Builds the requests of our own tables.
    Store,
    /// Fit to publish, so it knows nothing of minigate.
    Published(Library),
    Domain,
    /// Quizzes from files: pure as the domain, with parsers of other programs' formats.
    QuizImport,
    /// DynamoDB and Secrets Manager inside of a process.
    EmbeddedAws,
    Testkit,
    /// `cargo dev`, which puts everything into one process.
    Local,
    /// The black-box tests: test code, the whole package.
    Tests,
    Xtask,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Library {
    Cache,
    /// Not published by itself, but it knows nothing of minigate either.
    Credentials,
    InitData,
    Limiter,
    Outbound,
    Outbox,
}

fn place_of(folder: &str) -> Option<Place> {
    Some(match folder {
        "infrastructure/local" => Place::Local,
        "shared/cache" => Place::Published(Library::Cache),
        "shared/credentials" => Place::Published(Library::Credentials),
        "shared/domain" => Place::Domain,
        "shared/embedded-aws" => Place::EmbeddedAws,
        "shared/init-data" => Place::Published(Library::InitData),
        "shared/limiter" => Place::Published(Library::Limiter),
        "shared/outbound" => Place::Published(Library::Outbound),
        "shared/outbox" => Place::Published(Library::Outbox),
        "shared/platform" => Place::Platform,
        "shared/quiz-import" => Place::QuizImport,
        "shared/service" => Place::Service,
        "shared/store" => Place::Store,
        "shared/testkit" => Place::Testkit,
        "tests" => Place::Tests,
        "xtask" => Place::Xtask,
        _ if folder.starts_with("functions/") => Place::Function,
        _ => return None,
    })
}

/// Whether a package may depend on another one of the workspace.
fn may_use(user: Place, used: Place, is_for_tests: bool) -> bool {
    use Place::{
        Domain, EmbeddedAws, Function, Local, Platform, Published, QuizImport, Service, Store,
        Testkit, Tests, Xtask,
    };
    match (user, used) {
        // These know nobody, and need no AWS for their tests.
        (Domain | Published(Library::Credentials | Library::InitData), _) => false,
        // The tools of the tests. Of what is built to run, only `cargo dev` holds an AWS.
        (Testkit | Local, EmbeddedAws) => true,
        (Testkit | EmbeddedAws | Xtask, Testkit) | (Xtask, EmbeddedAws) => false,
        (_, Testkit | EmbeddedAws) => is_for_tests,
        // Programs are put together by nobody but `cargo dev` and the black-box tests.
        (Local, Function | Platform | Service | Store | Published(_) | Domain) => true,
        (Tests, Function | Platform | Service | Store | Published(_) | Domain | Local) => true,
        // A file becomes drafts, and nothing else.
        (QuizImport, Domain) => true,
        (Function | Local | Tests | Xtask, QuizImport) => true,
        // And the way of the arrows. A layer may reach past the next one.
        (Function, Platform | Service | Store | Published(_) | Domain) => true,
        (Platform, Service | Store | Published(_) | Domain) => true,
        (Service, Store | Published(Library::Cache) | Domain) => true,
        (Store, Domain | Published(Library::Outbox)) => true,
        (Testkit, Published(_) | Domain) => true,
        _ => false,
    }
}

/// Whether a package may build requests to DynamoDB, or the client for them.
fn may_use_dynamodb(user: Place, is_for_tests: bool) -> bool {
    match user {
        Place::Store | Place::Platform | Place::Local | Place::Tests => true,
        Place::Published(library) => {
            !matches!(library, Library::Credentials | Library::InitData | Library::Outbound)
        }
        // Their own tests make real calls.
        Place::Service | Place::EmbeddedAws | Place::Testkit => is_for_tests,
        Place::Function | Place::Domain | Place::QuizImport | Place::Xtask => false,
    }
}

/// Every arrow that must not be there.
fn forbidden_arrows(packages: &[Package]) -> Vec<String> {
    let place = |name: &str| {
        packages.iter().find(|package| package.name == name).map(|found| place_of(&found.folder))
    };
    let mut faults = Vec::new();
    for package in packages {
        let Some(user) = place_of(&package.folder) else {
            faults.push(format!(
                "{} ({}) has no place in the architecture; see xtask/src/architecture.rs",
                package.name, package.folder
            ));
            continue;
        };
        // All of the package is test code.
        let is_test_code = user == Place::Tests;
        for dependency in &package.dependencies {
            let is_for_tests = is_test_code || dependency.is_for_tests;
            let is_allowed = match place(&dependency.name) {
                Some(Some(used)) => may_use(user, used, is_for_tests),
                // Reported as a package of its own.
                Some(None) => true,
                None if dependency.name == "aws-sdk-dynamodb" => {
                    may_use_dynamodb(user, is_for_tests)
                }
                None => true,
            };
            if !is_allowed {
                let kind = if dependency.is_for_tests { " for its tests" } else { "" };
                let (package, used) = (&package.name, &dependency.name);
                faults.push(format!("{package} must not depend on {used}{kind}"));
            }
        }
    }
    faults
}

/// Every line of a source file that must not be there.
///
/// Clippy holds the rules for `var` and `var_os`, so that an `#[expect]` with a reason in the same
/// file is enough here.
fn forbidden_lines(path: &str, source: &str) -> Vec<String> {
    let reads_environment = |line: &str| {
        ["env::var(", "env::var_os("].iter().any(|call| line.contains(call))
            && !source.contains("clippy::disallowed_methods")
            || ["env::vars(", "env::vars_os(", "env::{"].iter().any(|call| line.contains(call))
    };
    let mut faults = Vec::new();
    let is_black_box = path.starts_with("tests/tests/");
    let owns_accounts =
        ["shared/service/", "shared/store/"].iter().any(|folder| path.starts_with(folder));
    let mut is_local_only = path.contains("/local_only/");
    for (index, line) in source.lines().enumerate() {
        let (number, code) = (index + 1, line.trim_start());
        is_local_only |= code.starts_with("mod local_only {");
        if code.starts_with("//") {
            continue;
        }
        if path != "shared/platform/src/config.rs" && reads_environment(code) {
            faults.push(format!("{path}:{number}: only platform::config reads the environment"));
        }
        if is_black_box && !is_local_only && code.contains("Cloud::start()")
            || is_black_box && code.contains("of_environment()")
        {
            let advice = "move the test to a module `local_only`, which no deployment is asked";
            faults.push(format!("{path}:{number}: {advice}"));
        }
        if !owns_accounts && ["AccountStore", "store.accounts("].iter().any(|it| code.contains(it))
        {
            let advice = "only minigate-service writes accounts, because it invalidates them too";
            faults.push(format!("{path}:{number}: {advice}"));
        }
        // A test may look at every item, and says so to clippy.
        if code.contains(".scan(") && !path.contains("/tests/") {
            faults.push(format!("{path}:{number}: a scan reads the whole table; add a key"));
        }
    }
    faults
}

fn packages(metadata: &Value) -> Vec<Package> {
    let package = |value: &Value| {
        let folder = Path::new(text(value, "manifest_path")).parent().unwrap_or(Path::new(""));
        let folder = folder.strip_prefix(workspace::root()).unwrap_or(folder);
        let dependencies = value["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
        Package {
            name: text(value, "name").to_owned(),
            folder: folder.to_string_lossy().into_owned(),
            dependencies: dependencies
                .iter()
                .map(|dependency| Dependency {
                    name: text(dependency, "name").to_owned(),
                    is_for_tests: text(dependency, "kind") == "dev",
                })
                .collect(),
        }
    };
    workspace::packages(metadata).iter().map(package).collect()
}

/// The Rust files below a folder, built ones left out.
fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                rust_files(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

mod tests {
    use super::*;

    #[test]
    fn the_arrows_point_one_way() {
        let metadata = workspace::metadata("--no-deps --offline").unwrap();
        let packages = packages(&metadata);
        for name in [
            "minigate-domain",
            "minigate-platform",
            "minigate-service",
            "minigate-store",
            "sessions",
        ] {
            assert!(packages.iter().any(|package| package.name == name), "{name} is not seen");
        }
        let faults = forbidden_arrows(&packages);
        assert!(faults.is_empty(), "{faults:#?}");
    }

    #[test]
    fn the_source_keeps_to_the_rules_that_clippy_cannot_hold() {
        let mut files = Vec::new();
        for folder in ["functions", "infrastructure", "shared", "tests", "xtask"] {
            rust_files(&workspace::root().join(folder), &mut files).unwrap();
        }
        assert!(files.len() > 50, "only {} files are seen", files.len());
        let mut faults = Vec::new();
        for file in files {
            let path = file.strip_prefix(workspace::root()).unwrap().to_str().unwrap();
            // This file spells out what it forbids.
            if path != "xtask/src/architecture.rs" {
                faults.extend(forbidden_lines(path, &std::fs::read_to_string(&file).unwrap()));
            }
        }
        assert!(faults.is_empty(), "{faults:#?}");
    }

    /// A graph of packages at their usual places; a dependency for tests begins with `dev:`.
    fn faults(packages: &[(&str, &[&str])]) -> Vec<String> {
        let usual = [
            ("minigate-cache", "shared/cache"),
            ("minigate-domain", "shared/domain"),
            ("minigate-embedded-aws", "shared/embedded-aws"),
            ("minigate-init-data", "shared/init-data"),
            ("minigate-limiter", "shared/limiter"),
            ("minigate-local", "infrastructure/local"),
            ("minigate-outbound", "shared/outbound"),
            ("minigate-platform", "shared/platform"),
            ("minigate-quiz-import", "shared/quiz-import"),
            ("minigate-service", "shared/service"),
            ("minigate-store", "shared/store"),
            ("minigate-testkit", "shared/testkit"),
            ("minigate-tests", "tests"),
            ("profile", "functions/profile"),
            ("sessions", "functions/sessions"),
            ("stray", "shared/stray"),
            ("xtask", "xtask"),
        ];
        let of = |name: &str| packages.iter().find(|(user, _)| *user == name);
        let made_up: Vec<Package> = usual
            .into_iter()
            .filter(|(name, _)| *name != "stray" || of(name).is_some())
            .map(|(name, folder)| Package {
                name: name.to_owned(),
                folder: folder.to_owned(),
                dependencies: of(name)
                    .map_or(&[][..], |(_, dependencies)| dependencies)
                    .iter()
                    .map(|used| Dependency {
                        name: used.trim_start_matches("dev:").to_owned(),
                        is_for_tests: used.starts_with("dev:"),
                    })
                    .collect(),
            })
            .collect();
        forbidden_arrows(&made_up)
    }

    #[test]
    fn what_the_architecture_allows_is_not_reported() {
        let graph: [(&str, &[&str]); 11] = [
            (
                "sessions",
                &[
                    "minigate-platform",
                    "minigate-service",
                    "minigate-store",
                    "minigate-domain",
                    "dev:minigate-testkit",
                ],
            ),
            (
                "minigate-platform",
                &[
                    "minigate-service",
                    "minigate-store",
                    "minigate-limiter",
                    "minigate-cache",
                    "minigate-init-data",
                    "minigate-outbound",
                    "minigate-domain",
                    "aws-sdk-dynamodb",
                    "dev:minigate-testkit",
                ],
            ),
            ("minigate-outbound", &["hyper", "dev:minigate-testkit"]),
            (
                "minigate-service",
                &[
                    "minigate-store",
                    "minigate-cache",
                    "minigate-domain",
                    "dev:minigate-embedded-aws",
                    "dev:aws-sdk-dynamodb",
                ],
            ),
            (
                "minigate-store",
                &["minigate-domain", "aws-sdk-dynamodb", "dev:minigate-embedded-aws"],
            ),
            ("minigate-limiter", &["aws-sdk-dynamodb", "dev:minigate-testkit"]),
            ("minigate-cache", &["aws-sdk-dynamodb", "moka", "dev:minigate-testkit"]),
            ("minigate-embedded-aws", &["dynoxide-rs", "dev:aws-sdk-dynamodb"]),
            ("minigate-testkit", &["minigate-embedded-aws", "minigate-init-data"]),
            ("minigate-local", &["sessions", "minigate-embedded-aws", "aws-sdk-dynamodb"]),
            ("minigate-tests", &["minigate-local", "minigate-testkit", "minigate-embedded-aws"]),
        ];
        assert_eq!(faults(&graph), [""; 0]);
    }

    #[test]
    fn a_forbidden_arrow_is_reported() {
        for (user, used) in [
            ("minigate-domain", "minigate-store"),
            ("minigate-domain", "minigate-init-data"),
            ("minigate-store", "minigate-platform"),
            ("minigate-store", "minigate-service"),
            ("minigate-store", "minigate-init-data"),
            ("minigate-service", "minigate-platform"),
            ("minigate-service", "minigate-limiter"),
            ("minigate-service", "aws-sdk-dynamodb"),
            ("minigate-platform", "sessions"),
            ("minigate-platform", "minigate-testkit"),
            ("minigate-platform", "minigate-embedded-aws"),
            ("minigate-init-data", "minigate-domain"),
            ("minigate-limiter", "minigate-domain"),
            ("minigate-cache", "minigate-limiter"),
            ("minigate-outbound", "minigate-domain"),
            ("minigate-outbound", "aws-sdk-dynamodb"),
            ("minigate-store", "minigate-outbound"),
            ("minigate-testkit", "minigate-platform"),
            ("minigate-local", "minigate-testkit"),
            ("minigate-embedded-aws", "minigate-domain"),
            ("sessions", "profile"),
            ("sessions", "minigate-embedded-aws"),
            ("sessions", "minigate-local"),
            ("sessions", "aws-sdk-dynamodb"),
            ("minigate-init-data", "aws-sdk-dynamodb"),
            ("minigate-testkit", "aws-sdk-dynamodb"),
            ("minigate-domain", "aws-sdk-dynamodb"),
            ("xtask", "minigate-domain"),
        ] {
            let expected = format!("{user} must not depend on {used}");
            assert_eq!(faults(&[(user, &[used])]), [expected]);
        }
        for (user, used) in [
            ("sessions", "profile"),
            ("minigate-store", "minigate-platform"),
            ("minigate-domain", "minigate-testkit"),
            ("minigate-init-data", "minigate-testkit"),
            ("minigate-testkit", "minigate-store"),
        ] {
            let expected = format!("{user} must not depend on {used} for its tests");
            assert_eq!(faults(&[(user, &[&format!("dev:{used}")])]), [expected]);
        }
    }

    #[test]
    fn a_package_without_a_place_is_reported() {
        let faults = faults(&[("stray", &[]), ("sessions", &["stray"])]);
        assert_eq!(
            faults,
            ["stray (shared/stray) has no place in the architecture; see \
              xtask/src/architecture.rs"]
        );
    }

    #[test]
    fn a_forbidden_line_is_reported() {
        let elsewhere = "shared/store/src/lib.rs";
        let config = "shared/platform/src/config.rs";
        let excused = "#[expect(clippy::disallowed_methods, reason = \"a tool\")]\n";
        let black_box = "tests/tests/black_box/system.rs";
        let start = "let cloud = Cloud::start().await;";
        let local_only = ": move the test to a module `local_only`, which no deployment is asked";
        let environment = ": only platform::config reads the environment";
        let accounts = ": only minigate-service writes accounts, because it invalidates them too";
        let write = "platform.store.accounts().revoke_all_sessions(user, None).await?;";
        for (path, source, expected) in [
            (elsewhere, "let x = std::env::var(\"X\");".to_owned(), Some(environment)),
            (elsewhere, "for x in env::vars_os() {}".to_owned(), Some(environment)),
            (elsewhere, "use std::env::{self, var};".to_owned(), Some(environment)),
            (elsewhere, format!("{excused}std::env::vars()"), Some(environment)),
            (elsewhere, format!("{excused}std::env::var(\"X\")"), None),
            (elsewhere, "// not std::env::var(\"X\")".to_owned(), None),
            (elsewhere, "std::env::temp_dir()".to_owned(), None),
            (config, "std::env::vars_os()".to_owned(), None),
            (black_box, start.to_owned(), Some(local_only)),
            (black_box, format!("mod local_only {{\n{start}"), None),
            ("tests/tests/black_box/local_only/cache.rs", start.to_owned(), None),
            (
                "tests/tests/black_box/local_only/cache.rs",
                "if Deployment::of_environment().is_some() { return }".to_owned(),
                Some(local_only),
            ),
            ("functions/sessions/src/lib.rs", write.to_owned(), Some(accounts)),
            (
                "shared/platform/src/auth/user.rs",
                "use minigate_store::AccountStore;".to_owned(),
                Some(accounts),
            ),
            ("shared/service/src/accounts/mod.rs", write.to_owned(), None),
            (config, "client.scan()".to_owned(), Some(": a scan reads the whole table; add a key")),
        ] {
            let line = source.lines().count();
            let expected: Vec<_> =
                expected.map(|fault| format!("{path}:{line}{fault}")).into_iter().collect();
            assert_eq!(forbidden_lines(path, &source), expected, "{source}");
        }
    }
}
