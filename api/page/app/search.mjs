// What somebody may mean who types a text into the search: each place to look, the likely
// ones first.

// meanings of a text: { kind: "block", index } | { kind: "id", id } | { kind: "account", name }
export function meanings(typed) {
  const text = typed.trim();
  if (text === "") return [];
  const found = [];
  const block = /^(?:#|block\s*#?)?\s*([1-9][0-9]{0,14})$/i.exec(text.replace(/(?<=\d)[,_'](?=\d{3})/g, ""));
  if (block !== null) found.push({ kind: "block", index: Number(block[1]) });
  const id = text.replace(/^0x/i, "").toLowerCase();
  if (/^[0-9a-f]{64}$/.test(id)) found.push({ kind: "id", id });
  if (new TextEncoder().encode(text).length <= 128) found.push({ kind: "account", name: text });
  return found;
}
