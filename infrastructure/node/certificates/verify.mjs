// Verifies certificates (target/debug/sample-certificates, on standard input) with `jose`, by nothing but what
// the API publishes: the DID document, and the status list.

import { text } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { decodeProtectedHeader, importJWK, jwtVerify } from "jose";

const { did, documents, samples } = JSON.parse(await text(process.stdin));
const origin = `https://${did.slice("did:web:".length)}`;
const issuer = JSON.parse(documents[`${origin}/.well-known/did.json`]);

const key = ({ kid }) => {
  const method = issuer.verificationMethod.find(({ id }) => id === kid);
  if (!method || !issuer.assertionMethod.includes(kid)) throw new Error(`no key ${kid}`);
  return importJWK(method.publicKeyJwk, "EdDSA");
};
const verified = async (jwt) =>
  (await jwtVerify(jwt, key, { issuer: did, typ: "vc+jwt", algorithms: ["EdDSA"] })).payload;

const isRevoked = async ({ statusListCredential, statusListIndex }) => {
  const list = await verified(documents[statusListCredential]);
  const { encodedList } = list.credentialSubject;
  if (list.id !== statusListCredential || encodedList[0] !== "u") throw new Error("no list");
  const bits = gunzipSync(Buffer.from(encodedList.slice(1), "base64url"));
  const index = Number(statusListIndex);
  return (bits[index >> 3] & (0x80 >> (index & 7))) !== 0;
};

const check = (holds, what) => {
  if (!holds) throw new Error(what);
};
const refused = async (jwt, what) => {
  check(await verified(jwt).then(() => false, () => true), `${what} is accepted`);
};

for (const { name, json, jwt, is_revoked } of samples) {
  const { proof, ...credential } = JSON.parse(json);
  const { iss, jti, sub, nbf, exp, proof: inside, ...payload } = await verified(jwt);
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  check(same(payload, credential) && same(inside, proof), `${name}: the two forms differ`);
  check(iss === credential.issuer.id && jti === credential.id, `${name}: claims differ`);
  check(sub === credential.credentialSubject.id, `${name}: claims differ`);
  check(nbf * 1000 === Date.parse(credential.validFrom), `${name}: claims differ`);
  check((exp && exp * 1000) === (credential.validUntil && Date.parse(credential.validUntil)), name);
  check((await isRevoked(credential.credentialStatus)) === is_revoked, `${name}: wrong status`);
  const [header, body, signature] = jwt.split(".");
  const altered = Buffer.from(body, "base64url").toString().replace('"87.5"', '"97.5"');
  await refused([header, Buffer.from(altered).toString("base64url"), signature].join("."), name);
  const other = Buffer.from(JSON.stringify({ ...decodeProtectedHeader(jwt), alg: "none" }));
  await refused([other.toString("base64url"), body, ""].join("."), `${name} without a signature`);
}
console.log(`${samples.length} certificates verified by jose`);
