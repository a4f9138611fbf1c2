// What this browser trusts and remembers, for all pages of the page: one Pins and one Watch over
// its storage.

import { local } from "../storage.mjs";
import { Pins } from "./pins.mjs";
import { Watch } from "./watch.mjs";

export const pins = new Pins(local);
export const watch = new Watch({ storage: local, pins });

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
