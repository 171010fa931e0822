// Verifies a sigstore bundle by a bare public key with sigstore's own JavaScript library.
// Usage: node verify.mjs FOLDER_OF_node_modules BUNDLE PUBLIC_KEY_PEM. Prints what was signed.
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, bundleFile, keyFile] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { bundleFromJSON } = require("@sigstore/bundle");
const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");

const publicKey = createPublicKey(readFileSync(keyFile));
const hints = [];
// No authority and no log: the key is all that is trusted.
const nobody = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const trust = toTrustMaterial(nobody, (hint) => {
  hints.push(hint);
  return { publicKey, validFor: () => true };
});
const bundle = bundleFromJSON(JSON.parse(readFileSync(bundleFile, "utf8")));
const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
try {
  verifier.verify(toSignedEntity(bundle));
} catch (error) {
  console.log(JSON.stringify({ verified: false, code: error.code ?? error.name }));
  process.exit(1);
}
const statement = JSON.parse(Buffer.from(bundle.content.dsseEnvelope.payload).toString("utf8"));
console.log(JSON.stringify({ verified: true, hints, predicateType: statement.predicateType }));
