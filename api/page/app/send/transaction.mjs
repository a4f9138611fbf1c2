// Transactions as they are signed and sent. What is signed is the canonical text of what is asked
// for, with the id of the chain, so that it means the same nowhere else.

import { Num, canonical } from "../proof/canonical.mjs";
import { encode, toHex } from "../proof/bytes.mjs";
import { sign } from "../proof/ed25519.mjs";
import { sha256 } from "../proof/hash.mjs";
import { signedBytes } from "../proof/owner.mjs";
import { plain, units } from "../amount.mjs";

const maxUnits = 999_999_999_999_999n;
const maxMemo = 256; // bytes
const maxName = 128; // bytes
const day = 24 * 3600;

/** An amount as canonical text has it, of what somebody typed: `{amount}`, or `{fault}` with why it is none. */
export function readAmount(text, decimals) {
  const typed = text.trim();
  if (!/^\d+(\.\d+)?$/.test(typed)) return { fault: "An amount is a number such as 12.5" };
  const value = units(typed, decimals);
  if (value === null) return { fault: decimals === 0 ? "This token has no decimal places" : `This token has ${decimals} decimal places` };
  if (value === 0n) return { fault: "An amount is more than nothing" };
  if (value > maxUnits) return { fault: `An amount is at most ${plain(maxUnits, decimals)}` };
  return { amount: new Num(plain(value, decimals)) };
}

/** What is wrong with a name in an open contract, or with a memo; "" where nothing is. */
export const nameFault = (text) => (text === "" ? "A name is expected" : tooLong(text, maxName));
export const memoFault = (text) => tooLong(text, maxMemo);

function tooLong(text, most) {
  const size = encode(text).length;
  return size > most ? `It has ${size} bytes, and at most ${most} are allowed` : "";
}

/** A new idempotency key, and so the id of an open transaction. */
export const newKey = () => toHex(crypto.getRandomValues(new Uint8Array(16)));

/** The id of an open transaction with an idempotency key. */
export const openID = (key) => toHex(sha256(encode(key)));

/** The body of a request for an open transfer. */
export const openBody = ({ sender, recipient, amount, memo }) => canonical({ sender, recipient, amount, ...(memo ? { memo } : {}) });

/**
 * Signs what is asked for, `fields` without nonce, expires and sender, by a key as openKeyFile
 * returns it. Resolves nothing and sends nothing: `{id, message, body}`, the body being that of the request.
 */
export function signTransaction(fields, { key, chainID, expires, nonce = newKey() }) {
  const payload = { ...fields, sender: key.address, nonce, expires };
  const message = signedBytes({ ...payload, chain: chainID });
  const signature = toHex(sign(message, key.seed));
  return { id: toHex(sha256(message)), message, body: canonical({ ...payload, public_key: toHex(key.publicKey), signature }) };
}

/**
 * When something that is signed now ends, in unix seconds, such as its validity or a hold: `valid` seconds
 * from now by the chain's time, and never later than that, or than a day, by this machine's clock, whatever
 * a node says. Null where that leaves no minute.
 */
export function expiry(localNow, chainNow, valid = 3600) {
  const expires = Math.floor(Math.min(chainNow + valid, localNow + Math.max(valid, day)));
  return expires - chainNow < 60 ? null : expires;
}
