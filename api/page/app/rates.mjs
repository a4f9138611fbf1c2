// What the last blocks come to.

// rates of heads of blocks, the newest last: the seconds between two of them, null where
// there are not two.
export function rates(heads) {
  const last = heads.slice(-20);
  if (last.length < 2) return { blockSeconds: null };
  return { blockSeconds: (last.at(-1).timestamp - last[0].timestamp) / (last.length - 1) };
}
