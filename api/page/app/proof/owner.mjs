// The signature that a record of a signed contract carries: that of whoever asked for it.

import { canonical } from "./canonical.mjs";
import { encode, fromHex, toHex } from "./bytes.mjs";
import { verify } from "./ed25519.mjs";
import { sha256 } from "./hash.mjs";
import { Refused } from "./refused.mjs";

const domain = "bpsc/tx/v1\n";

/** The bytes that are signed: the domain and the canonical text of the payload, `chain` among it. */
export const signedBytes = (payload) => encode(domain + canonical(payload));

/** Fields of a record that stand in what was signed, by what was asked for, beside kind and chain. */
const asked = {
  transfer: ["amount", "expires", "memo", "nonce", "recipient", "sender"],
  hold: ["amount", "expires", "hold_until", "memo", "nonce", "recipient", "sender"],
  issue: ["amount", "expires", "memo", "nonce", "recipient", "sender"],
  spend: ["amount", "expires", "memo", "nonce", "recipient", "sender"],
  burn: ["amount", "expires", "memo", "nonce", "sender"],
  rules: ["account", "expires", "frozen", "new_key", "nonce", "per_day", "per_transfer", "receive", "sender"],
  accept: ["expires", "hold", "nonce", "sender"],
  reject: ["expires", "hold", "nonce", "sender"],
};

/** The payload of the transaction that a record answers, null where nobody signed for it or its kind is not known here. */
export function payloadOf(fields, chainID) {
  const kind = fields.get("request") ?? fields.get("kind");
  const keys = Object.hasOwn(asked, kind ?? "") ? asked[kind] : null;
  if (!keys || !fields.has("signature")) return null;
  const payload = new Map([["chain", chainID], ["kind", kind]]);
  const resolves = kind === "accept" || kind === "reject"; // which the recipient of the hold asks for
  const amount = ["amount", "amount_send", "amount_refund"].find((key) => fields.has(key));
  for (const key of keys) {
    const from = key === "amount" ? amount : key === "sender" && resolves ? "recipient" : key;
    if (fields.has(from)) payload.set(key, fields.get(from));
  }
  return payload;
}

/**
 * Checks the signature that a record carries, and that its id is the hash of what was signed. Which
 * key is a wallet's the members have checked: a wallet may have changed its key.
 */
export function checkOwner(fields, chainID) {
  if (!fields.has("signature")) return [null, "Nobody signs transfers of this contract: who asked for it is the members' word."];
  if (!chainID) return [null, "The owner's signature was left to the members: the policy does not have the whole id of the chain."];
  const payload = payloadOf(fields, chainID);
  if (!payload) return [null, "The owner's signature was left to the members: records of this kind are not known here."];
  const message = signedBytes(payload);
  const [key, signature] = [fromHex(fields.get("public_key"), 32), fromHex(fields.get("signature"), 64)];
  if (toHex(sha256(message)) !== fields.get("id") || !key || !signature || !verify(signature, message, key)) {
    throw new Refused("signature_invalid", "the signature that the record carries is not over what the record says");
  }
  return [null, `It is signed with the key ${fields.get("public_key").slice(0, 16)}… over all that it says.`];
}
