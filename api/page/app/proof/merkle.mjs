// Merkle trees after RFC 6962, and their proofs as RFC 9162 2.1 verifies them. Indexes and sizes
// are up to 2^40, where the bit operators of JavaScript do not reach: so it is arithmetic.

import { concat, equal } from "./bytes.mjs";
import { sha256 } from "./hash.mjs";

const half = (n) => Math.floor(n / 2);
const odd = (n) => n % 2 === 1;

/** The hash of a leaf with these bytes. */
export const leafHash = (bytes) => sha256(concat(Uint8Array.of(0), bytes));

/** The hash of a node over two others. */
export const nodeHash = (left, right) => sha256(concat(Uint8Array.of(1), left, right));

/** The root that a leaf's hash and its path lead to in a tree of `size`, null if the path has not its length. */
export function climb(leaf, index, size, path) {
  if (index < 0 || index >= size) return null;
  let node = leaf;
  let last = size - 1;
  for (const sibling of path) {
    if (last === 0) return null;
    if (odd(index) || index === last) {
      node = nodeHash(sibling, node);
      while (!odd(index) && index > 0) {
        index = half(index);
        last = half(last);
      }
    } else {
      node = nodeHash(node, sibling);
    }
    index = half(index);
    last = half(last);
  }
  return last === 0 ? node : null;
}

/** Whether a tree of `newer` leaves with root `newerRoot` begins with the one of `older` leaves and `olderRoot`. */
export function extendsTree(older, olderRoot, newer, newerRoot, proof) {
  if (older < 1 || older > newer) return false;
  if (older === newer) return proof.length === 0 && equal(olderRoot, newerRoot);
  let index = older - 1;
  let last = newer - 1;
  while (odd(index)) {
    index = half(index);
    last = half(last);
  }
  const rest = [...proof];
  let then = index === 0 ? olderRoot : rest.shift(); // a tree of 2^k leaves is itself the first node
  if (!then) return false;
  let now = then;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (odd(index) || index === last) {
      then = nodeHash(sibling, then);
      now = nodeHash(sibling, now);
      while (!odd(index) && index > 0) {
        index = half(index);
        last = half(last);
      }
    } else {
      now = nodeHash(now, sibling);
    }
    index = half(index);
    last = half(last);
  }
  return last === 0 && equal(then, olderRoot) && equal(now, newerRoot);
}
