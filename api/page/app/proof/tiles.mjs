// Tiles are the log as files, 256 hashes wide (c2sp.org/tlog-tiles). Nobody vouches for one: what
// it is worth shows when what is made of it leads to a root that was signed.

import { concat, toHex } from "./bytes.mjs";
import { extendsTree, nodeHash } from "./merkle.mjs";
import { Refused } from "./refused.mjs";

const width = 256;
const height = 8;

/** The path of a tile below `tile/`: `wide` hashes of a level, from number `n` times 256 on. */
export function tilePath(level, n, wide = width) {
  let digits = String(n % 1000).padStart(3, "0");
  for (let rest = Math.floor(n / 1000); rest > 0; rest = Math.floor(rest / 1000)) digits = `x${String(rest % 1000).padStart(3, "0")}/${digits}`;
  return `${level}/${digits}${wide < width ? `.p/${wide}` : ""}`;
}

/** Tiles reads the hashes of a log of `size` blocks. `fetchTile(path)` resolves to the bytes of a tile. */
export class Tiles {
  constructor(size, fetchTile) {
    this.size = size;
    this.fetchTile = fetchTile;
    this.kept = new Map();
  }

  tile(level, n) {
    const wide = Math.min(width, Math.floor(this.size / width ** level) - n * width);
    const path = tilePath(level, n, wide);
    if (!this.kept.has(path)) {
      this.kept.set(path, Promise.resolve(this.fetchTile(path)).then((bytes) => {
        if (bytes.length !== 32 * wide) throw new Refused("tile_wrong_size", `the tile ${path} of the log has ${bytes.length} bytes`);
        return bytes;
      }));
    }
    return this.kept.get(path);
  }

  // The hash over the 2^level leaves that begin with leaf `first`: over some of a tile's hashes.
  async complete(level, first) {
    const tileLevel = Math.floor(level / height);
    const count = 2 ** (level % height);
    const at = first / 2 ** (tileLevel * height);
    const bytes = await this.tile(tileLevel, Math.floor(at / width));
    const start = at % width;
    let hashes = Array.from({ length: count }, (_, i) => bytes.subarray(32 * (start + i), 32 * (start + i + 1)));
    while (hashes.length > 1) hashes = hashes.flatMap((hash, i) => (i % 2 === 0 ? [nodeHash(hash, hashes[i + 1])] : []));
    return hashes[0];
  }

  /** The hash over the leaves from `first` to before `end` (MTH of RFC 6962). */
  async hash(first, end) {
    const split = largestBelow(end - first);
    const level = Math.log2(end - first);
    if (Number.isInteger(level)) return this.complete(level, first);
    return nodeHash(await this.hash(first, first + split), await this.hash(first + split, end));
  }

  /** The proof that this log begins with its first `older` leaves (PROOF of RFC 6962). */
  consistency(older) {
    return older === this.size ? Promise.resolve([]) : this.subproof(older, 0, this.size, true);
  }

  async subproof(older, first, end, whole) {
    if (older === end - first) return whole ? [] : [await this.hash(first, end)];
    const split = largestBelow(end - first);
    return older <= split
      ? [...await this.subproof(older, first, first + split, whole), await this.hash(first + split, end)]
      : [...await this.subproof(older - split, first + split, end, false), await this.hash(first, first + split)];
  }
}

// The largest power of two below n, which is at least 2.
function largestBelow(n) {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

/**
 * Whether the newer of two checkpoints of one log begins with the older one, by tiles of the newer.
 * `{holds, root, path}`: what the newer log had as its root when it was as large as the older one,
 * and the proof of that.
 */
export async function compare(older, newer, fetchTile) {
  const tiles = new Tiles(newer.size, fetchTile);
  const [path, root] = await Promise.all([tiles.consistency(older.size), tiles.hash(0, older.size)]);
  if (!extendsTree(older.size, root, newer.size, newer.root, path)) {
    throw new Refused("tile_mismatch", "the hashes of the log that this node serves do not lead to its own checkpoint");
  }
  return { holds: toHex(root) === toHex(older.root), root, path: path.map((hash) => concat(hash)) };
}
