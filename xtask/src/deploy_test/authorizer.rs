//! A Node function behind the authorizer: `examples/node-behind-authorizer`, as a stack of its own.

use std::process::Command;

use super::{STEP_LIMIT, TOKEN, Test, emulator::PATH, succeed};
use crate::workspace;

impl Test {
    /// Whether the emulator can run Node functions.
    pub(super) fn has_node() -> bool {
        // As the emulator looks for it.
        let node = Command::new("env").args(["-i", PATH, "node", "--version"]).output();
        node.is_ok_and(|output| output.status.success())
    }

    /// Deploys the example and asks it for orders, with all kinds of credentials.
    pub(super) fn node_behind_authorizer(&self) -> Result<String, String> {
        let arn = self.authorizer(&["arn", &self.stack])?;
        let example_stack = self.example_stack();
        let example = workspace::root().join("examples/node-behind-authorizer");
        let mut deploy = self.aws.client(self.sam.program("sam"), &self.directory);
        deploy
            .args([
                "deploy",
                "--no-confirm-changeset",
                "--resolve-s3",
                "--stack-name",
                &example_stack,
            ])
            .args(["--capabilities", "CAPABILITY_IAM", "--template-file"])
            .arg(example.join("template.yaml"))
            .args(["--parameter-overrides", &format!("AuthorizerArn={arn}")]);
        succeed(&mut deploy, STEP_LIMIT)?;
        self.authorizer(&["check", &self.stack, &example_stack, TOKEN])
    }

    /// The stack of the example.
    pub(super) fn example_stack(&self) -> String {
        format!("{}-example", self.stack)
    }

    /// A command of `infrastructure/emulator/authorizer.py`; the last line that it says.
    fn authorizer(&self, arguments: &[&str]) -> Result<String, String> {
        let script = workspace::root().join("infrastructure/emulator/authorizer.py");
        let mut command = self.aws.client(self.emulator.program("python"), &self.directory);
        let finished = succeed(command.arg(script).args(arguments), STEP_LIMIT)?;
        Ok(finished.out().last().unwrap_or_default().to_owned())
    }
}
