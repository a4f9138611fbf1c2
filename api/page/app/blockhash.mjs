// The index of a block whose hash somebody has. Nodes keep no table of that, which would
// cost something for each block: the page looks among the blocks that it has, then
// through the entries of the chain's log, which have each block's hash, the newest first, and
// the old ones when somebody says so: a hash of nothing is not to cost a read of the whole chain.

export const width = 256; // entries of a tile
const most = 40; // tiles that are looked through at once: 10,000 blocks

// findBlock returns { index, more }: the index of the block with that hash, or 0, and whether
// there are blocks that were not looked at. further looks at those, back to the first.
export async function findBlock({ live, client, token, length }, hash, { signal, say, further = false }) {
  for (const head of live.heads) {
    if (head.hash === hash) return { index: head.index, more: false };
    if (head.previous_hash === hash) return { index: head.index - 1, more: false };
  }
  const newest = Math.floor((length - 1) / width) - (further ? most : 0);
  const oldest = further ? 0 : Math.max(0, newest - most + 1);
  for (let n = newest; n >= oldest; n--) {
    if (further || n < newest) say(`Looking among hashes of blocks, from ${Math.min(length, (n + 1) * width).toLocaleString("en-US")} back…`);
    for (const entry of await entries(client, token, n, Math.min(length - n * width, width), signal)) {
      if (entry.hash === hash) return { index: entry.index, more: false };
    }
  }
  return { index: 0, more: oldest > 0 };
}

// entries reads the headers of a tile of the log.
export async function entries(client, token, n, count, signal) {
  const name = tileName(n) + (count < width ? ".p/" + count : "");
  const { data } = await client.get(`/v1/contracts/${encodeURIComponent(token)}/tile/entries/${name}`, { as: "bytes", accept: "*/*", signal });
  return [...bundle(data)].map((text) => JSON.parse(text));
}

// tileName is a number as C2SP writes it: 1234067 is x001/x234/067.
export function tileName(n) {
  const threes = [];
  do { threes.unshift(String(n % 1000).padStart(3, "0")); n = Math.floor(n / 1000); } while (n > 0);
  return threes.map((three, i) => (i < threes.length - 1 ? "x" : "") + three).join("/");
}

// bundle yields the entries of a bundle: two bytes of length before each.
export function* bundle(bytes) {
  const text = new TextDecoder();
  for (let at = 0; at + 2 <= bytes.length; ) {
    const size = bytes[at] * 256 + bytes[at + 1];
    yield text.decode(bytes.subarray(at + 2, at + 2 + size));
    at += 2 + size;
  }
}
