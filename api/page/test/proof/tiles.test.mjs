import assert from "node:assert/strict";
import test from "node:test";

import { concat, encode, toHex } from "../../app/proof/bytes.mjs";
import { climb, extendsTree, leafHash, nodeHash } from "../../app/proof/merkle.mjs";
import { Tiles, compare, tilePath } from "../../app/proof/tiles.mjs";

// RFC 6962, section 2.1, as it stands there.
const leaves = Array.from({ length: 600 }, (_, i) => leafHash(encode(`block ${i}`)));
const known = new Map();
function mth(first, end) {
  if (end - first === 1) return leaves[first];
  const key = `${first} ${end}`;
  if (!known.has(key)) {
    const k = 2 ** Math.ceil(Math.log2(end - first) - 1);
    known.set(key, nodeHash(mth(first, first + k), mth(first + k, end)));
  }
  return known.get(key);
}

function path(m, first, end) {
  if (end - first === 1) return [];
  const k = 2 ** Math.ceil(Math.log2(end - first) - 1);
  return m < first + k ? [...path(m, first, first + k), mth(first + k, end)] : [...path(m, first + k, end), mth(first, first + k)];
}

// A server's tiles: 256 hashes of a level each.
const served = [];
async function fetchTile(asked) {
  served.push(asked);
  const [, level, digits, wide] = /^(\d+)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d+))?$/.exec(asked);
  const n = Number(digits.replaceAll(/[x/]/g, ""));
  const step = 256 ** Number(level);
  return concat(...Array.from({ length: Number(wide ?? 256) }, (_, i) => mth((n * 256 + i) * step, (n * 256 + i + 1) * step)));
}

test("every leaf climbs to the root along its path, and along no other", () => {
  for (const size of [1, 2, 3, 7, 8, 9, 100]) {
    const root = toHex(mth(0, size));
    for (let i = 0; i < size; i++) {
      const proof = path(i, 0, size);
      assert.equal(toHex(climb(leaves[i], i, size, proof)), root, `${i} of ${size}`);
      assert.equal(climb(leaves[i], i, size, [...proof, leaves[0]]), null);
      if (size > 1) assert.notEqual(toHex(climb(leaves[i], i, size, proof.slice(1)) ?? []), root);
      if (size > 1) assert.notEqual(toHex(climb(leaves[(i + 1) % size], i, size, proof)), root);
    }
  }
  assert.equal(climb(leaves[0], 3, 3, []), null);
});

test("what tiles say of a log is what its leaves say", async () => {
  for (const size of [1, 2, 255, 256, 257, 511, 512, 600]) {
    const tiles = new Tiles(size, fetchTile);
    assert.equal(toHex(await tiles.hash(0, size)), toHex(mth(0, size)), String(size));
  }
});

test("a log that grew extends what it was, and another one does not", async () => {
  const sizes = [1, 2, 3, 100, 255, 256, 257, 300, 512, 599, 600];
  for (const [at, older] of sizes.entries()) {
    for (const newer of sizes.slice(at)) {
      const now = { size: newer, root: mth(0, newer) };
      const { holds, path: proof } = await compare({ size: older, root: mth(0, older) }, now, fetchTile);
      assert.ok(holds, `${older} ${newer}`);
      assert.ok(extendsTree(older, mth(0, older), newer, now.root, proof));
      assert.ok(!extendsTree(older, leaves[5], newer, now.root, proof), "another root");
      assert.ok(!extendsTree(older, mth(0, older), newer, leaves[5], proof), "another root");
      if (proof.length > 0) assert.ok(!extendsTree(older, mth(0, older), newer, now.root, proof.slice(1)), "a shorter proof");
      assert.ok(!extendsTree(older, mth(0, older), newer, now.root, [...proof, leaves[1]]), "a longer proof");
      const forked = await compare({ size: older, root: leaves[7] }, now, fetchTile);
      assert.equal(forked.holds, false);
      assert.equal(toHex(forked.root), toHex(mth(0, older)));
    }
  }
  assert.ok(!extendsTree(2, mth(0, 2), 1, mth(0, 1), []));
});

test("tiles that do not lead to the checkpoint prove nothing", async () => {
  const now = { size: 300, root: leaves[3] };
  await assert.rejects(compare({ size: 100, root: mth(0, 100) }, now, fetchTile), { code: "tile_mismatch" });
  await assert.rejects(compare({ size: 100, root: mth(0, 100) }, { size: 300, root: mth(0, 300) }, async () => new Uint8Array(31)), { code: "tile_wrong_size" });
});

test("tiles are called as the standard calls them", () => {
  assert.equal(tilePath(0, 0, 5), "0/000.p/5");
  assert.equal(tilePath(1, 67), "1/067");
  assert.equal(tilePath(0, 1234067), "0/x001/x234/067");
  assert.equal(tilePath(2, 1234, 1), "2/x001/234.p/1");
});
