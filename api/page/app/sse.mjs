// Server-sent events, as the HTML standard has them, out of pieces of text however they
// are cut.

import { Problem } from "./api.mjs";
import { maxEventChars } from "./limits.mjs";

// reader returns a function that takes the next piece and yields the events that are
// complete with it: { type, id, data }. It throws a Problem where one has no end.
export function reader() {
  let rest = "";
  let event = blank();
  return function* take(piece) {
    rest += piece;
    for (let end; (end = rest.indexOf("\n")) >= 0; ) {
      const line = rest.slice(0, end).replace(/\r$/, "");
      rest = rest.slice(end + 1);
      if (line === "") {
        if (event.data !== null) yield event;
        event = blank();
        continue;
      }
      const cut = line.indexOf(":");
      if (cut === 0) continue; // a comment, which keeps the connection
      const name = cut < 0 ? line : line.slice(0, cut);
      const value = cut < 0 ? "" : line.slice(cut + 1).replace(/^ /, "");
      if (name === "event") event.type = value;
      if (name === "id") event.id = value;
      if (name === "data") event.data = event.data === null ? value : event.data + "\n" + value;
    }
    if (rest.length + (event.data?.length ?? 0) > maxEventChars) throw new Problem("The server sends an event without end", { code: "too_large" });
  };
}

function blank() {
  return { type: "message", id: "", data: null };
}
