// Addresses of signed contracts: bech32m (BIP 350), prefix bpsc, over the first 20 bytes of the
// SHA-256 of a public key.

import { sha256 } from "../proof/hash.mjs";

const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const prefix = "bpsc";
const length = prefix.length + 1 + 32 + 6;
const bech32m = 0x2bc830a3;

/** The address of a public key. */
export function addressOf(publicKey) {
  const bits = Array.from(sha256(publicKey).subarray(0, 20), (byte) => byte.toString(2).padStart(8, "0")).join("");
  const groups = Array.from({ length: 32 }, (_, i) => parseInt(bits.slice(5 * i, 5 * i + 5), 2));
  const sum = checksum([...groups, 0, 0, 0, 0, 0, 0]) ^ bech32m;
  const check = Array.from({ length: 6 }, (_, i) => (sum >>> (5 * (5 - i))) & 31);
  return `${prefix}1${[...groups, ...check].map((group) => alphabet[group]).join("")}`;
}

/** What is wrong with an address, in a sentence; "" where nothing is. */
export function addressFault(text) {
  if (!text.startsWith(`${prefix}1`)) return `An address begins with ${prefix}1`;
  if (text.length !== length) return `An address has ${length} characters, and this has ${text.length}`;
  const groups = Array.from(text.slice(prefix.length + 1), (c) => alphabet.indexOf(c));
  if (groups.includes(-1)) return "There is a character in the address that cannot stand in one";
  return checksum(groups) === bech32m ? "" : "The checksum of the address is not right: was it typed?";
}

function checksum(groups) {
  const expanded = [...Array.from(prefix, (c) => c.charCodeAt(0) >> 5), 0, ...Array.from(prefix, (c) => c.charCodeAt(0) & 31), ...groups];
  let sum = 1;
  for (const value of expanded) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3].forEach((g, i) => {
      if ((top >>> i) & 1) sum ^= g;
    });
  }
  return sum >>> 0;
}
