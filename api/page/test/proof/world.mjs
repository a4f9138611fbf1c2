// A log, its members and the node that serves it, as small as tests want them.

import { concat, encode, fromHex, toBase64, toHex } from "../../app/proof/bytes.mjs";
import { bodyOf } from "../../app/proof/checkpoint.mjs";
import { publicKeyOf, sign } from "../../app/proof/ed25519.mjs";
import { sha256 } from "../../app/proof/hash.mjs";
import { leafHash, nodeHash } from "../../app/proof/merkle.mjs";

/** The root over leaves' hashes, as RFC 6962, section 2.1, has it. */
export function rootOf(leaves) {
  if (leaves.length === 1) return leaves[0];
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return nodeHash(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}

/** Leaves that differ from those of another name from the one with number `fork` on. */
export const leavesOf = (count, name = "a", fork = 0) => Array.from({ length: count }, (_, i) => leafHash(encode(`${i < fork ? "a" : name} ${i}`)));

export const chainID = "ab".repeat(32);
export const origin = `bpsc/aka/${chainID.slice(0, 16)}`;

const seedOf = (n) => fromHex(String(n).padStart(2, "0").repeat(32), 32);
const keyID = (name, publicKey) => sha256(concat(encode(`${name}\n`), Uint8Array.of(4), publicKey)).subarray(0, 4);

/** A policy of the members of those numbers, 2 of whom sign. */
export function policyText(numbers = [1, 2, 3], head = "") {
  const lines = numbers.map((n) => {
    const [name, key] = [`bpsc/n${n}`, publicKeyOf(seedOf(n))];
    return `witness n${n} ${name}+${toHex(keyID(name, key))}+${toBase64(concat(Uint8Array.of(4), key))} -\n`;
  });
  return `${head}${lines.join("")}group members 2 ${numbers.map((n) => `n${n}`).join(" ")}\nquorum members\n`;
}

/** A text that members have signed. */
export function signed(body, numbers) {
  const lines = numbers.map((n) => {
    const name = `bpsc/n${n}`;
    const time = Uint8Array.of(0, 0, 0, 0, 107, 0, 0, n);
    const at = new DataView(time.buffer).getBigUint64(0);
    const signature = sign(encode(`cosignature/v1\ntime ${at}\n${body}`), seedOf(n));
    return `— ${name} ${toBase64(concat(keyID(name, publicKeyOf(seedOf(n))), time, signature))}\n`;
  });
  return `${body}\n${lines.join("")}`;
}

export const checkpointOf = (leaves, numbers = [1, 2], of = origin) => signed(bodyOf({ origin: of, size: leaves.length, root: rootOf(leaves) }), numbers);

/** What a node with these leaves answers; `shown` of them are in its checkpoint. */
export function nodeWith(leaves, { shown = leaves.length, numbers = [1, 2], of = origin, policies = "" } = {}) {
  const asked = [];
  const ask = async (path) => {
    asked.push(path);
    if (path.endsWith("/checkpoint")) return checkpointOf(leaves.slice(0, shown), numbers, of);
    if (path.startsWith("/v1/policies")) return policies;
    const [, level, n, wide] = /tile\/(\d+)\/(\d+)(?:\.p\/(\d+))?$/.exec(path);
    const step = 256 ** Number(level);
    const hashes = Array.from({ length: Number(wide ?? 256) }, (_, i) => leaves.slice((Number(n) * 256 + i) * step, (Number(n) * 256 + i + 1) * step));
    if (hashes.some((part) => part.length < step)) throw Object.assign(new Error("no such tile"), { code: "tile_missing" });
    return concat(...hashes.map(rootOf));
  };
  ask.asked = asked;
  return ask;
}

/** A storage as browsers have it. */
export class Storage {
  #items = new Map();
  getItem(key) { return this.#items.get(key) ?? null; }
  setItem(key, value) { this.#items.set(key, String(value)); }
}
