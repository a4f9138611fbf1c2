// Keys of cosigners (c2sp.org/tlog-cosignature), and the keys by which members speak for a log.

import { concat, encode, equal, fromBase64, toBase64 } from "./bytes.mjs";
import { verify } from "./ed25519.mjs";
import { sha256 } from "./hash.mjs";
import { maxSeconds } from "./limits.mjs";
import { validKeyName } from "./note.mjs";
import { quote, require } from "./refused.mjs";

const cosigner = 4; // the kinds of c2sp.org/signed-note
const log = 1;

// The first four bytes of what names a key of a kind.
function keyID(name, kind, publicKey) {
  const hash = sha256(concat(encode(`${name}\n`), Uint8Array.of(kind), publicKey));
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0);
}

const vkey = (name, kind, publicKey) =>
  `${name}+${keyID(name, kind, publicKey).toString(16).padStart(8, "0")}+${toBase64(concat(Uint8Array.of(kind), publicKey))}`;

/** The key of a line `<name>+<id>+<base64>`: `{name, id, publicKey, text}`. */
export function parseKey(text) {
  const first = text.indexOf("+");
  const second = text.indexOf("+", first + 1);
  const name = text.slice(0, first);
  const material = first > 0 && second > 0 ? fromBase64(text.slice(second + 1)) : null;
  require(material?.length === 33 && material[0] === cosigner && validKeyName(name) && material.subarray(1).some((byte) => byte !== 0),
    "cosigner_key_malformed", `${quote(text)} is not the key of a cosigner`);
  const publicKey = material.slice(1);
  require(vkey(name, cosigner, publicKey) === text, "cosigner_key_malformed", `the key ${quote(text)} does not agree with itself`);
  return { name, id: keyID(name, cosigner, publicKey), publicKey, text };
}

/** The key by which the same member speaks for the log of an origin, as text. */
export const logKey = (key, origin) => vkey(origin, log, key.publicKey);

/** Whether two keys are the same. */
export const sameKey = (a, b) => equal(a.publicKey, b.publicKey);

/** When a key signed a text, in unix seconds by its own clock. Throws Refused if it did not. */
export function signedAt(key, body, cosignature) {
  require(cosignature.length === 72, "cosignature_without_time", `the signature of ${key.name} does not say when it was made`);
  const at = new DataView(cosignature.buffer, cosignature.byteOffset).getBigUint64(0);
  require(at > 0n && at <= BigInt(maxSeconds), "cosignature_without_time", `the signature of ${key.name} says a time that is none`);
  require(verify(cosignature.subarray(8), encode(`cosignature/v1\ntime ${at}\n${body}`), key.publicKey), "cosignature_wrong",
    `the signature of ${key.name} is not over what it stands below`);
  return Number(at);
}

/** Whether a signature below a checkpoint claims to be by a member, speaking for the log. */
export const claimsLog = (key, origin, signature) => signature.name === origin && signature.id === keyID(origin, log, key.publicKey);

/** Throws Refused unless a member's signature for the log is over the text. */
export function checkLog(key, body, signature) {
  require(verify(signature.bytes, encode(body), key.publicKey), "cosignature_wrong", `the signature of ${key.name} for the log is not over what it stands below`);
}
