// Checkpoints (c2sp.org/tlog-checkpoint): what the log of a chain is at one moment.

import { fromBase64, toBase64 } from "./bytes.mjs";
import { maxNoteBytes, maxSize } from "./limits.mjs";
import { parseNote } from "./note.mjs";
import { require } from "./refused.mjs";

const originForm = /^bpsc\/([a-z0-9-]{1,32})\/([0-9a-f]{16})$/;

/** The name of the log of a chain, `id` being the hash of its genesis block in hex. */
export const originOf = (token, id) => `bpsc/${token}/${id.slice(0, 16)}`;

/** `{token, digits}` of a log's name: the contract and the first 16 digits of the chain's id. */
export function parseOrigin(origin) {
  const parts = originForm.exec(origin);
  require(parts, "checkpoint_malformed", "the checkpoint does not say of which chain it is");
  return { token: parts[1], digits: parts[2] };
}

/** The text that is signed: origin, size and root, a line each. */
export const bodyOf = ({ origin, size, root }) => `${origin}\n${size}\n${toBase64(root)}\n`;

function parseBody(body) {
  const [origin, size, root, ...rest] = body.split("\n");
  require(rest.length === 1 && rest[0] === "", "checkpoint_malformed", "a checkpoint has three lines: origin, size and root");
  const hash = fromBase64(root);
  require(hash?.length === 32 && /^[1-9]\d{0,15}$/.test(size), "checkpoint_malformed", "the size or the root of the checkpoint cannot be read");
  require(Number(size) <= maxSize, "proof_size", "no log of ours is that large");
  parseOrigin(origin);
  return { origin, size: Number(size), root: hash };
}

/** `{checkpoint: {origin, size, root}, note}` of a signed checkpoint; its signatures are not looked at. */
export function readCheckpoint(text) {
  const note = parseNote(text, maxNoteBytes);
  return { checkpoint: parseBody(note.body), note };
}
