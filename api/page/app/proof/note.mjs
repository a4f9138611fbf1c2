// Signed notes (c2sp.org/signed-note): a text, an empty line, and a line for each signature.

import { encode, fromBase64 } from "./bytes.mjs";
import { maxKeyNameBytes, maxSignatures } from "./limits.mjs";
import { Refused, quote, require } from "./refused.mjs";

/**
 * Takes a note apart and verifies nothing: `{body, signatures: [{name, id, bytes}]}`, with `id`
 * the number that tells keys of one name apart. Everything below the text has one spelling.
 */
export function parseNote(note, limit) {
  require(note !== "", "proof_empty", "there is no checkpoint in the receipt");
  require(encode(note).length <= limit, "proof_too_large", `the signed text has more than ${limit} bytes`);
  const end = note.indexOf("\n\n");
  require(end >= 0 && note.endsWith("\n"), "note_malformed", "a signed text is followed by an empty line and lines of signatures, and this one is not");
  require(note.length > end + 2, "note_malformed", "there is no signature below the text");
  const signatures = note.slice(end + 2, -1).split("\n").map(parseLine);
  require(signatures.length <= maxSignatures, "proof_too_large", `there are more than ${maxSignatures} signatures`);
  return { body: note.slice(0, end + 1), signatures };
}

function parseLine(line) {
  const fields = /^— ([^ ]+) ([^ ]+)$/u.exec(line);
  if (!line.startsWith("— ")) throw new Refused("note_trailing_bytes", `${quote(line, 40)} stands behind the signatures and is none`);
  const raw = fields && fromBase64(fields[2]);
  require(raw && raw.length >= 5 && validKeyName(fields[1]), "note_malformed", `the signature ${quote(line, 40)} cannot be read`);
  return { name: fields[1], id: new DataView(raw.buffer).getUint32(0), bytes: raw.subarray(4) };
}

/** Whether a key may be called so: no plus sign, no white space, nothing that cannot be seen. */
export const validKeyName = (name) => name !== "" && encode(name).length <= maxKeyNameBytes && !/[+\p{White_Space}\p{Cc}]/u.test(name);
