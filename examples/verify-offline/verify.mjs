// Verifies access tokens of a minigate deployment in another back end, without asking minigate for
// each: its public keys are fetched once and kept.
//
//   echo "$ACCESS_TOKEN" | node verify.mjs https://api.example.org
//
// prints who the token is for, or why it is refused, with the exit code 1.

import { createRemoteJWKSet, errors, jwtVerify } from "jose";

/** The `iss` of a deployment that does not set MINIGATE_ISSUER. */
const ISSUER = "minigate";

/**
 * A function that verifies access tokens of the deployment at this URL. Make one for the process and
 * keep it: it holds the keys.
 */
export function verifier(baseUrl, issuer = ISSUER) {
  const keys = createRemoteJWKSet(new URL(`${baseUrl}/.well-known/jwks.json`), {
    // A token with an unknown key makes it look for newer ones. minigate publishes a key at most
    // 15 seconds after it began to sign.
    cooldownDuration: 15_000,
    timeoutDuration: 5_000,
  });
  return async (token) => {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      // A refresh token is signed with the same key, and says `rt+jwt`.
      typ: "at+jwt",
      algorithms: ["EdDSA"],
      requiredClaims: ["sub", "sid", "bot", "exp"],
    });
    return {
      user_id: payload.sub,
      session_id: payload.sid,
      bot_id: String(payload.bot),
      tier: payload.tier,
      expires_at: payload.exp,
    };
  };
}

async function main([baseUrl, issuer]) {
  if (!baseUrl) {
    throw new Error("usage: node verify.mjs BASE_URL [ISSUER], with the token on standard input");
  }
  process.stdin.setEncoding("utf8");
  let token = "";
  for await (const text of process.stdin) {
    token += text;
  }
  const user = await verifier(baseUrl.replace(/\/$/, ""), issuer)(token.trim());
  console.log(JSON.stringify(user));
}

if (import.meta.filename === process.argv[1]) {
  main(process.argv.slice(2)).catch((error) => {
    const code = error instanceof errors.JOSEError ? error.code : "ERROR";
    console.error(`${code}: ${error.message}`);
    process.exitCode = 1;
  });
}
