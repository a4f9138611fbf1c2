// Ed25519 as the ledger judges it: ZIP-215, where a batch of signatures and each alone always
// come to the same verdict. WebCrypto judges edge cases otherwise, from browser to browser.

import * as ed from "../../lib/ed25519.mjs";
import { sha512 } from "./hash.mjs";

ed.hashes.sha512 = sha512;

/** Whether a signature of 64 bytes is by a public key of 32 over a message. */
export function verify(signature, message, publicKey) {
  try {
    return ed.verify(signature, message, publicKey, { zip215: true });
  } catch {
    return false; // not a point, or not so many bytes
  }
}

/** The signature of a message by the key that a seed of 32 bytes stands for (RFC 8032). */
export const sign = (message, seed) => ed.sign(message, seed);

/** The public key of a seed. */
export const publicKeyOf = (seed) => ed.getPublicKey(seed);
