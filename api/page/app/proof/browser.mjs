// What this browser trusts and remembers, for all pages of the page: one Pins and one Watch over
// its storage.

import { Pins } from "./pins.mjs";
import { Watch } from "./watch.mjs";

// A browser that allows no storage throws where it is named.
function storageOf() {
  try {
    return window.localStorage;
  } catch {
    return null; // Pins and Watch then know what they were told until the page is closed
  }
}

const storage = storageOf() ?? memory();

export const pins = new Pins(storage);
export const watch = new Watch({ storage, pins });

function memory() {
  const items = new Map();
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value) };
}

/** Asks one node, as Watch wants it: its checkpoint and its tiles have to be of one mouth. */
export const askNode = (client, origin, signal) => async (path, as) =>
  (await client.ask(origin, path, { as, accept: as === "bytes" ? "application/octet-stream" : "text/plain", signal })).data;

/** Hands a text to the reader as a file. */
export function saveFile(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // by then it has been read
}
