// Watch holds the nodes to what this browser saw before: each checkpoint has to be of a log that
// begins with the log of the one before. Who shows two histories is found out by whoever looks twice.

import { canonical } from "./canonical.mjs";
import { toHex } from "./bytes.mjs";
import { parseOrigin, readCheckpoint } from "./checkpoint.mjs";
import { numberOf, policyFor } from "./history.mjs";
import { judge } from "./policy.mjs";
import { Refused } from "./refused.mjs";
import { load, store } from "./pins.mjs";
import { compare } from "./tiles.mjs";

const seenKey = "bpsc.seen"; // by contract, the newest checkpoint that held
const alarmKey = "bpsc.alarm"; // by contract, what did not, until somebody says to forget it

/**
 * Watch looks at the checkpoints of one node at a time. `ask(path, as)` resolves to what that node
 * answers, as "text" or "bytes", and rejects with an error that has a `code` where it refuses.
 */
export class Watch {
  constructor({ storage, pins, now = Date.now }) {
    this.storage = storage;
    this.pins = pins;
    this.now = now;
  }

  /** What was wrong when it last was, `{code, says, evidence, origin, at}`, or null. */
  alarm(token) {
    return load(this.storage, alarmKey, {})[token] ?? null;
  }

  /** The newest checkpoint of a contract that this browser has seen, `{note, at}`, or null. */
  seen(token) {
    return load(this.storage, seenKey, {})[token] ?? null;
  }

  /** Forgets what was seen of a contract, and what was wrong: somebody has looked into it. */
  forget(token) {
    for (const key of [seenKey, alarmKey]) {
      const { [token]: _, ...rest } = load(this.storage, key, {});
      store(this.storage, key, rest);
    }
  }

  /**
   * Looks once. Resolves to `{state, says, size}`: `first`, `extends` or `behind` where all is
   * well, `none` where there is no checkpoint yet, `alarm` where it is not. Rejects where the node
   * cannot be asked, which says nothing.
   */
  async look(token, ask, node = "") {
    let text;
    try {
      text = await ask(`/v1/contracts/${encodeURIComponent(token)}/checkpoint`, "text");
    } catch (error) {
      if (error.code === "not_found") return { state: "none", says: "There is no checkpoint yet." };
      throw error;
    }
    try {
      return await this.judge(token, text, ask);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return this.raise(token, node, { code: error.code, says: error.message, evidence: error.evidence });
    }
  }

  async judge(token, text, ask) {
    const now = readCheckpoint(text);
    const { checkpoint } = now;
    if (parseOrigin(checkpoint.origin).token !== token) throw new Refused("checkpoint_wrong_origin", `the checkpoint is of ${checkpoint.origin}`);
    await this.checkSigners(token, now, ask);
    const before = this.seen(token);
    if (!before) return this.remember(token, text, { state: "first", size: checkpoint.size });
    const { checkpoint: seen } = readCheckpoint(before.note);
    if (seen.origin !== checkpoint.origin) {
      throw new Refused("another_chain", `this browser knows the chain ${seen.origin}, and the node shows ${checkpoint.origin}: another one of the same name`);
    }
    if (checkpoint.size < seen.size) return this.checkBehind(token, { seen, before, checkpoint, text }, ask);
    await checkExtends(seen, before.note, checkpoint, text, tilesOf(token, ask));
    return this.remember(token, text, { state: "extends", size: checkpoint.size });
  }

  // By the policy that is pinned; without one, a checkpoint is what the node says.
  async checkSigners(token, signed, ask) {
    const { origin, size } = signed.checkpoint;
    const pin = this.pins.find(origin);
    if (!pin) {
      if (this.pins.findOther(origin)) throw new Refused("checkpoint_wrong_origin", `a policy that is pinned contradicts the node's chain, ${origin}`);
      return;
    }
    const check = (history) => judge(policyFor(history, origin, size), signed);
    const history = this.pins.history(pin);
    try {
      check(history);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // The members may have changed, and those of before signed it.
      const query = new URLSearchParams({ contract: token, from: Math.max(1, numberOf(history)) });
      check(this.pins.learn(pin.hash, await ask(`/v1/policies?${query}`, "text")));
    }
  }

  // A node may lag. Whether it has the same blocks shows where it has so many of them.
  async checkBehind(token, { seen, before, checkpoint, text }, ask) {
    const says = `This node shows a checkpoint of ${checkpoint.size} blocks, and this browser has seen one of ${seen.size}: it is behind, or has lost blocks.`;
    try {
      await checkExtends(checkpoint, text, seen, before.note, tilesOf(token, ask));
    } catch (error) {
      if (error.code !== "tile_missing") throw error;
    }
    return { state: "behind", says, size: checkpoint.size };
  }

  remember(token, note, result) {
    store(this.storage, seenKey, { ...load(this.storage, seenKey, {}), [token]: { note, at: this.now() / 1000 } });
    return { says: "", ...result };
  }

  /** A block came that does not go with those that this browser was shown before. */
  sawBreak(token, index, node = "") {
    return this.raise(token, node, { code: "chain_broken", says: `the chain does not hold together: block ${index} is another than this browser was shown before, or names another before it` });
  }

  raise(token, node, what) {
    const alarm = { ...what, node, at: this.now() / 1000 };
    store(this.storage, alarmKey, { ...load(this.storage, alarmKey, {}), [token]: alarm });
    return { state: "alarm", ...alarm };
  }
}

const tilesOf = (token, ask) => (path) => ask(`/v1/contracts/${encodeURIComponent(token)}/tile/${path}`, "bytes");

async function checkExtends(older, olderNote, newer, newerNote, fetchTile) {
  const { holds, root, path } = await compare(older, newer, fetchTile);
  if (holds) return;
  const refused = new Refused("log_inconsistent", `the log of ${newer.size} blocks does not begin with the ${older.size} blocks of the checkpoint before: somebody shows two histories`);
  refused.evidence = evidence(older, olderNote, newer, newerNote, root, path);
  throw refused;
}

// The file that `bpsc evidence verify` reads: who signed both is convicted by it.
function evidence(older, olderNote, newer, newerNote, root, path) {
  const same = older.size === newer.size;
  return `${canonical({ a: olderNote, b: newerNote, format: "bpsc/evidence/v1", path: same ? [] : path.map(toHex), root: same ? "0".repeat(64) : toHex(root) })}\n`;
}
