// Histories: a policy that is trusted as it is, and the handovers that came after it, each signed
// by a majority of the members before. Each policy judges the checkpoints of its own sizes.

import { canonical, parse } from "./canonical.mjs";
import { encode, toHex } from "./bytes.mjs";
import { originOf } from "./checkpoint.mjs";
import { sha256 } from "./hash.mjs";
import { maxHandoverBytes, maxHandovers, maxHistoryBytes, maxPolicyChains, maxSize } from "./limits.mjs";
import { parseNote } from "./note.mjs";
import { changedText, coreOf, countSigners, parsePolicy, policyHash, withMembers } from "./policy.mjs";
import { Refused, quote, require } from "./refused.mjs";

const title = "bpsc/handover/v1";

/**
 * The history in a text; a policy is a history of one. `accepted` are the hashes of the recoveries
 * that whoever verifies goes on after; at another one the history stops.
 */
export function parseHistory(text, accepted = []) {
  require(text !== "", "proof_empty", "the policy is empty");
  require(encode(text).length <= maxHistoryBytes, "proof_too_large", "the policy is too large");
  const changed = changedText(text);
  require(!changed, "policy_malformed", `a tool that changes texts has been at the policy: ${changed}`);
  const { policy, handovers } = split(text);
  let history = { first: parsePolicy(policy), steps: [], recovery: null };
  for (const note of handovers) {
    history = extend(history, note, accepted);
    if (history.recovery) break;
  }
  return history;
}

// Comments and empty lines may stand before the policy and behind each part.
function split(text) {
  const parts = `\n${text}`.split(`\n${title}\n`);
  require(parts.length <= 1 + maxHandovers, "history_malformed", `the history has more than ${maxHandovers} handovers`);
  const [policy, ...rest] = parts;
  return { policy: `${policy}\n`.slice(1), handovers: rest.map((part) => `${title}\n${part.replace(/(?:\n(?:#[^\n]*)?)*$/, "")}\n`) };
}

/** The policy that judges what is signed now. */
export const newestOf = (history) => history.steps.at(-1)?.policy ?? history.first;

/** The number of the newest policy; 0 where there is one alone, which does not say which it is. */
export const numberOf = (history) => history.steps.at(-1)?.number ?? 0;

/** The history with one more signed handover; throws Refused where it does not follow. */
export function extend(history, text, accepted = []) {
  const note = parseNote(text, maxHandoverBytes);
  const said = parseHandover(note.body);
  const newest = newestOf(history);
  follows(history, said);
  const next = { ...said, text, policy: withMembers(newest, said.members) };
  const by = said.recovery ? next.policy : newest;
  next.signed = countSigners(by, note).members;
  require(next.signed.length >= by.majority, "handover_minority",
    `${next.signed.length} of ${by.members.length} members signed the handover to policy ${said.number}, and ${by.majority} are needed`);
  if (!said.recovery || accepted.includes(said.hash)) return { ...history, steps: [...history.steps, next] };
  require(countSigners(newest, note).members.length > 0, "handover_minority",
    `no member of before signed policy ${said.number}, a recovery; its operator knows the hash of the handover, ${said.hash}`);
  return { ...history, recovery: next };
}

/** The history with the handovers in what a server answered that come after those it has. */
export function follow(history, text, accepted = []) {
  let grown = history;
  for (const note of split(text).handovers) {
    if (grown.recovery) break;
    const { before } = parseHandover(parseNote(note, maxHandoverBytes).body);
    if (before === policyHash(newestOf(grown))) grown = extend(grown, note, accepted);
  }
  return grown;
}

/** The handovers of a history as they stand in its text, behind the first policy's. */
export const handoversOf = (history) => [...history.steps, ...(history.recovery ? [history.recovery] : [])].map(({ text }) => text);

/** The policy that judges checkpoints of a size. Throws Refused where somebody has to accept a recovery first. */
export function policyFor(history, origin, size) {
  const { recovery } = history;
  if (recovery && size > (recovery.ends.get(origin) ?? 0)) {
    const { by, reason } = recovery.recovery;
    throw new Refused("recovery_not_accepted", `it was signed after ${quote(by)} had gone on without the majority of the members (${quote(reason)}); ask the operator about the handover ${recovery.hash}`);
  }
  return history.steps.findLast((step) => size > (step.ends.get(origin) ?? 0))?.policy ?? history.first;
}

function follows(history, said) {
  const order = (holds, sentence) => require(holds, "handover_out_of_order", sentence);
  const before = policyHash(newestOf(history));
  order(numberOf(history) === 0 || said.number === numberOf(history) + 1, `policy ${said.number} does not come after policy ${numberOf(history)}`);
  order(said.before === before, `policy ${said.number} comes after another policy than the one before it`);
  if (said.recovery) return;
  require(policyHash(said.members) !== before, "handover_malformed", `policy ${said.number} changes nothing`);
  for (const [origin, size] of history.steps.at(-1)?.ends ?? []) {
    require((said.ends.get(origin) ?? 0) >= size, "handover_malformed", `chain ${origin} had more blocks at the handover before`);
  }
}

const malformed = (holds, sentence) => require(holds, "handover_malformed", `a handover in the policy cannot be read: ${sentence}`);

// The text of a handover in its one spelling.
function parseHandover(body) {
  let rest = body;
  const line = (keyword, optional) => {
    const end = rest.indexOf("\n");
    if (!rest.startsWith(keyword) || end < 0) {
      malformed(optional, `there is no line ${quote(keyword.trim())}`);
      return null;
    }
    const value = rest.slice(keyword.length, end);
    rest = rest.slice(end + 1);
    return value;
  };
  malformed(line(title) === "", "its first line");
  const number = Number(line("number "));
  malformed(Number.isSafeInteger(number) && number >= 2, "its number");
  const said = { number, before: line("before "), recovery: readRecovery(line), ends: new Map(), chains: [] };
  for (let end = line("end ", true); end !== null; end = line("end ", true)) readEnd(said, end);
  said.members = parsePolicy(rest);
  malformed(writeHandover(said) === body, "it has another spelling");
  return { ...said, hash: toHex(sha256(encode(body))) };
}

function readRecovery(line) {
  const by = line("recovered-by ", true);
  if (by === null) return null;
  const text = (value) => {
    try {
      return parse(value);
    } catch {
      return null;
    }
  };
  const recovery = { by: text(by), reason: text(line("reason ")), before: line("members-before "), after: line("members-after ") };
  malformed([recovery.by, recovery.reason].every((said) => typeof said === "string" && said !== "" && encode(said).length <= 1024), "who recovered the cluster, and why");
  malformed([recovery.before, recovery.after].every((list) => /^[a-zA-Z0-9._~-]+( [a-zA-Z0-9._~-]+)*$/.test(list)), "the members before and after a recovery");
  return recovery;
}

function readEnd(said, text) {
  const [token, id, size] = text.split(" ");
  const last = said.chains.at(-1);
  malformed(/^[a-z0-9-]{1,32}$/.test(token) && /^[0-9a-f]{64}$/.test(id) && !/^0+$/.test(id) && /^[1-9]\d{0,15}$/.test(size) && Number(size) <= maxSize,
    `the line ${quote(text)}`);
  malformed((!last || token > last.token) && said.chains.length < maxPolicyChains, "the order of its chains");
  said.chains.push({ token, id, size: Number(size) });
  said.ends.set(originOf(token, id), Number(size));
}

function writeHandover({ number, before, recovery, chains, members }) {
  const lines = [title, `number ${number}`, `before ${before}`];
  if (recovery) {
    lines.push(`recovered-by ${canonical(recovery.by)}`, `reason ${canonical(recovery.reason)}`,
      `members-before ${recovery.before}`, `members-after ${recovery.after}`);
  }
  for (const { token, id, size } of chains) lines.push(`end ${token} ${id} ${size}`);
  return `${lines.join("\n")}\n${coreOf(members)}`;
}
