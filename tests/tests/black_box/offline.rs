//! `examples/verify-offline`: another back end verifies access tokens by the published keys alone.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use minigate_tests::Deployment;
use serde_json::{Value, json};

/// The example with its packages in place. `cargo verify` leaves this test out where there is no Node.
fn example() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/verify-offline");
    let node = Command::new("node").arg("--version").output();
    assert!(
        node.is_ok_and(|output| output.status.success()),
        "this test needs Node.js; `cargo test -- --skip offline::jose_verifies` leaves it out"
    );
    let wanted = json(&folder.join("package.json"))["dependencies"]["jose"].clone();
    let installed = json(&folder.join("node_modules/jose/package.json"))["version"].clone();
    if wanted != installed {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
        let output = npm.output().unwrap();
        assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    }
    folder.join("verify.mjs")
}

fn json(path: &Path) -> Value {
    std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// What the example says of a token.
fn verify(script: &Path, arguments: &[&str], token: &str) -> Output {
    let mut node = Command::new("node")
        .arg(script.canonicalize().unwrap())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    node.wait_with_output().unwrap()
}

#[tokio::test]
async fn jose_verifies_access_tokens_and_nothing_else() {
    let script = example();
    let deployment = Deployment::shared();
    let session = deployment.new_session().await;
    let base_url = deployment.base_url();
    let good = verify(&script, &[base_url], &session.tokens.access);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let said: Value = serde_json::from_slice(&good.stdout).unwrap();
    assert!(said["expires_at"].is_u64(), "{said}");
    let expected = json!({
        "user_id": session.user_id.to_string(),
        "session_id": session.tokens.session_id,
        "bot_id": deployment.bot.id.to_string(),
        "tier": "free",
        "expires_at": said["expires_at"],
    });
    assert_eq!(said, expected);

    let (start, signature) = session.tokens.access.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{start}.{other}{}", &signature[1..]);
    let (access, refresh) = (session.tokens.access.as_str(), session.tokens.refresh.as_str());
    for (arguments, token, code) in [
        ([base_url, "minigate"], forged.as_str(), "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"),
        ([base_url, "minigate"], refresh, "ERR_JWT_CLAIM_VALIDATION_FAILED"),
        ([base_url, "another"], access, "ERR_JWT_CLAIM_VALIDATION_FAILED"),
        ([base_url, "minigate"], "nothing", "ERR_JWS_INVALID"),
        ([base_url, "minigate"], "", "ERR_JWS_INVALID"),
    ] {
        let refused = verify(&script, &arguments, token);
        let reason = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{code}: {reason}");
        assert!(reason.starts_with(code), "{reason} instead of {code}");
        assert!(refused.stdout.is_empty(), "{code}");
    }
}
