// The index of a block whose hash somebody has. Nodes keep no table of that, which would
// cost something for each block: the page looks among the blocks that it has, then
// through the entries of the chain's log, which have each block's hash, the newest first.

export const width = 256; // entries of a tile
const most = 40; // tiles that are looked through: 10,000 blocks

// findBlock returns the index of the block with that hash, or 0.
export async function findBlock({ live, client, token, length }, hash, signal, say) {
  for (const head of live.heads) {
    if (head.hash === hash) return head.index;
    if (head.previous_hash === hash) return head.index - 1;
  }
  const tiles = Math.floor(length / width);
  for (let n = tiles, looked = 0; n >= 0 && looked < most; n--, looked++) {
    const rest = length - n * width;
    if (rest <= 0) continue;
    if (looked > 0) say(`Looking among hashes of blocks, from ${Math.min(length, (n + 1) * width)} back…`);
    for (const entry of await entries(client, token, n, Math.min(rest, width), signal)) {
      if (entry.hash === hash) return entry.index;
    }
  }
  return 0;
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
