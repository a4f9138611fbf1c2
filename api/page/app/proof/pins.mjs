// Pins are the policies by which this browser judges: what somebody here has said to trust. A
// policy that a node sends is never one by itself; what its members signed of those who come
// after them is learned.

import { encode, toHex } from "./bytes.mjs";
import { chainOf } from "./policy.mjs";
import { follow, handoversOf, parseHistory } from "./history.mjs";
import { Refused } from "./refused.mjs";
import { sha256 } from "./hash.mjs";

const key = "bpsc.policies";

/** The hash by which people compare a policy: that which `sha256sum` prints of its file. */
export const fingerprint = (text) => toHex(sha256(encode(text)));

/** The text as a file holds it: what is pasted often lacks the last newline. */
export const asFile = (text) => (text.endsWith("\n") ? text : `${text}\n`);

/** Pins keeps policies in a storage such as localStorage. What it cannot keep it knows until the page is closed. */
export class Pins {
  constructor(storage) {
    this.storage = storage;
    this.entries = read(storage);
  }

  /** All of them: `{text, hash, at, handovers, accepted}`. */
  list() {
    return this.entries;
  }

  /**
   * The pin that judges a chain: one that names it, else one for any chain; undefined where there is none, or
   * where what is pinned contradicts the chain (findOther).
   */
  find(origin) {
    const first = (entry) => parseHistory(entry.text).first;
    const naming = this.entries.find((entry) => chainOf(first(entry), origin));
    return naming ?? (this.findOther(origin) ? undefined : this.entries.find((entry) => first(entry).chains.length === 0));
  }

  /** The pin that names another chain of the contract, or the chain as that of another contract, where there is one. */
  findOther(origin) {
    const [, token, digits] = origin.split("/");
    return this.entries.find((entry) => parseHistory(entry.text).first.chains.some((chain) => (chain.token === token) !== chain.id.startsWith(digits)));
  }

  /** The whole id of a chain as a pin names it; undefined where none does. */
  named(origin) {
    const pin = this.find(origin);
    return pin && chainOf(parseHistory(pin.text).first, origin)?.id;
  }

  /** Pins a policy, in place of one for the same chains. Throws Refused where it is none. */
  pin(text, now = Date.now()) {
    const file = asFile(text);
    const chains = nameOf(parseHistory(file));
    const entry = { text: file, hash: fingerprint(file), at: now / 1000, handovers: [], accepted: [] };
    this.keep([...this.entries.filter((old) => nameOf(parseHistory(old.text)) !== chains), entry]);
    return entry;
  }

  drop(hash) {
    this.keep(this.entries.filter((entry) => entry.hash !== hash));
  }

  /** Goes on after a recovery: whoever pinned the policy has asked its operator. */
  accept(hash, recovery) {
    this.change(hash, (entry) => ({ ...entry, accepted: [...entry.accepted, recovery] }));
  }

  /** The history of a pin, with what was learned. */
  history(entry) {
    return parseHistory([entry.text, ...entry.handovers].join("\n"), entry.accepted);
  }

  /** Learns who came after from what a node answers at /v1/policies; throws Refused where that does not follow. */
  learn(hash, text) {
    const entry = this.entries.find((one) => one.hash === hash);
    const known = handoversOf(parseHistory(entry.text, entry.accepted)).length;
    const grown = follow(this.history(entry), text, entry.accepted);
    this.change(hash, (old) => ({ ...old, handovers: handoversOf(grown).slice(known) }));
    return grown;
  }

  change(hash, to) {
    this.keep(this.entries.map((entry) => (entry.hash === hash ? to(entry) : entry)));
  }

  keep(entries) {
    this.entries = entries;
    store(this.storage, key, entries);
  }
}

// Which chains a policy is for, as text: two of the same take each other's place.
const nameOf = ({ first }) => first.chains.map(({ token, id }) => `${token} ${id}`).sort().join("\n");

function read(storage) {
  const entries = load(storage, key, []);
  if (!Array.isArray(entries)) return [];
  return entries.filter((entry) => {
    try {
      parseHistory([entry.text, ...entry.handovers].join("\n"), entry.accepted);
      return fingerprint(entry.text) === entry.hash;
    } catch (error) {
      if (error instanceof Refused || error instanceof TypeError) return false; // written by hand, or by another release
      throw error;
    }
  });
}

/** What a storage has under a key, `otherwise` where it has nothing that can be read. */
export function load(storage, name, otherwise) {
  try {
    return JSON.parse(storage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Keeps a value in a storage, which is one of storage.mjs. */
export function store(storage, name, value) {
  storage.setItem(name, JSON.stringify(value));
}
