//! `cargo xtask template`: what linters say about the templates. Nothing may be said; what is passed
//! over has its reason in them.

use crate::{process, python::Environment, workspace::command};

/// Runs every linter; whether none found anything.
pub(crate) fn lint() -> Result<bool, String> {
    let sam = Environment::ready("sam")?;
    let checkov = Environment::ready("checkov")?;
    let mut is_clean = true;
    for (name, program, arguments) in [
        (
            "cfn-lint with the rules for serverless",
            sam.program("cfn-lint"),
            "--append-rules cfn_lint_serverless.rules --regions us-east-1 --template template.yaml infrastructure/edge.yaml",
        ),
        ("sam validate", sam.program("sam"), "validate --lint --template template.yaml"),
        (
            "checkov",
            checkov.program("checkov"),
            // Without the download it asks nobody on the internet.
            "--file template.yaml infrastructure/edge.yaml --framework cloudformation --skip-download --compact --quiet",
        ),
    ] {
        let mut command = command(program);
        command.args(arguments.split_whitespace());
        command.env("SAM_CLI_TELEMETRY", "0").env("AWS_DEFAULT_REGION", "eu-central-1");
        let finished = process::run(&mut command)?;
        println!("{name}: {}", if finished.is_success { "nothing" } else { "findings" });
        if !finished.is_success {
            is_clean = false;
            finished.all().for_each(|line| println!("    {line}"));
        }
    }
    Ok(is_clean)
}
