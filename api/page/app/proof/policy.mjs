// Policies (c2sp.org/tlog-policy): whose signatures count, and how many of them it takes.

import { encode, toHex } from "./bytes.mjs";
import { originOf } from "./checkpoint.mjs";
import { sha256 } from "./hash.mjs";
import { checkLog, claimsLog, logKey, parseKey, sameKey, signedAt } from "./key.mjs";
import { maxCosigners, maxPolicyBytes, maxPolicyChains } from "./limits.mjs";
import { quote, require } from "./refused.mjs";

const reserved = ["log", "witness", "group", "quorum", "any", "all", "none", "members", "witnesses", "both"];
const nameForm = /^[a-zA-Z0-9._-]{1,64}$/;
const tokenForm = /^[a-z0-9-]{1,32}$/;

const must = (holds, sentence) => require(holds, "policy_malformed", sentence);

/** What a tool that changes texts has made of one; null for a text as it was written. */
export function changedText(text) {
  if (text.startsWith("\ufeff")) return "it begins with a byte order mark";
  return text.includes("\r\n") ? "its lines end with CR LF, not LF" : null;
}

/** The policy in a text: `{members, majority, witnesses, quorum, chains}`; a cosigner is `{name, key, url}`, a chain `{token, id}`. */
export function parsePolicy(text) {
  require(text !== "", "proof_empty", "the policy is empty");
  require(encode(text).length <= maxPolicyBytes, "proof_too_large", "the policy is too large");
  const changed = changedText(text);
  must(!changed, `a tool that changes texts has been at the policy: ${changed}`);
  const read = { chains: [], pinned: 0, logs: [], cosigners: [], groups: new Map(), quorum: "" };
  text.split("\n").forEach((line, i) => readLine(read, line, `line ${i + 1} of the policy`));
  return assemble(read);
}

function readLine(read, line, where) {
  must(!/[\u0000-\u0008\u000a-\u001f\u007f]/.test(line), `${where} has a control character`);
  const fields = line.split(/[ \t]+/).filter((field) => field !== "");
  if (fields[0] === "#" && fields[1] === "chain") {
    must(fields.length === 4, `${where} is not "# chain TOKEN ID"`);
    read.pinned++;
    return addChain(read, fields[2], fields[3], where);
  }
  if (fields.length === 0 || fields[0].startsWith("#")) return;
  must(!line.includes("#"), `${where}: a comment has a line of its own`);
  must(read.quorum === "", `${where}: quorum is the last line`);
  const [keyword, ...rest] = fields;
  if (keyword === "log" && rest.length === 2 && !rest[0].includes("+")) return addChain(read, rest[0], rest[1], where);
  if (keyword === "log" && (rest.length === 1 || rest.length === 2)) return void read.logs.push(rest[0]);
  if (keyword === "witness" && (rest.length === 2 || rest.length === 3)) return addCosigner(read, rest, where);
  if (keyword === "group" && rest.length >= 3) return addGroup(read, rest, where);
  must(keyword === "quorum" && rest.length === 1, `${where}, ${quote(line, 40)}, is not one of a policy`);
  read.quorum = rest[0];
}

function addChain(read, token, id, where) {
  must(tokenForm.test(token) && /^[0-9a-f]{64}$/.test(id) && !/^0+$/.test(id), `${where} names no chain`);
  must(!read.chains.some((chain) => chain.token === token && chain.id === id), `${where}: chain ${token} is there twice`);
  must(read.chains.length < maxPolicyChains, `the policy names more than ${maxPolicyChains} chains`);
  read.chains.push({ token, id });
}

function addCosigner(read, [name, keyText, url], where) {
  must(nameForm.test(name) && !reserved.includes(name), `${where}: nobody may be called ${quote(name)}`);
  const key = parseKey(keyText);
  // A cosignature does not say under whose name it counts: one key under two names would count as two.
  must(!read.cosigners.some((c) => c.name === name || c.key.name === key.name || sameKey(c.key, key)), `${where}: ${name}, or its key, is there twice`);
  must(read.cosigners.length < 2 * maxCosigners, "the policy has too many cosigners");
  read.cosigners.push({ name, key, url: url === "-" ? "" : url ?? "" });
}

function addGroup(read, [name, count, ...names], where) {
  must(["members", "witnesses", "both"].includes(name) && !read.groups.has(name), `${where}: the groups are members, witnesses and both, each once`);
  must(names.length <= maxCosigners, `${where} has too many names`);
  const needed = count === "any" ? 1 : count === "all" ? names.length : /^[1-9]\d{0,2}$/.test(count) ? Number(count) : 0;
  must(needed >= 1 && needed <= names.length, `${where}: ${quote(count, 20)} of ${names.length} is no count`);
  must(name !== "both" || needed === 2 && names.join(" ") === "members witnesses", `${where} is to be "group both all members witnesses"`);
  read.groups.set(name, { needed, names });
}

function assemble(read) {
  const witnessed = read.groups.has("witnesses");
  const want = witnessed || read.groups.has("both") ? "both" : "members";
  must(read.quorum === want && read.groups.has("both") === witnessed, `the quorum is to be over all groups: "quorum ${want}"`);
  const take = (group) => (read.groups.get(group)?.names ?? []).map((name) => {
    const found = read.cosigners.find((cosigner) => cosigner.name === name);
    must(found, `nobody in the policy is called ${quote(name)}`);
    return found;
  });
  const policy = {
    members: take("members"), majority: read.groups.get("members")?.needed ?? 0,
    witnesses: take("witnesses"), quorum: read.groups.get("witnesses")?.needed ?? 0, chains: read.chains,
  };
  must(policy.members.length + policy.witnesses.length === read.cosigners.length, "somebody in the policy is in no group");
  checkPolicy(policy);
  checkLogKeys(read, policy);
  return policy;
}

// Refuses what would let two disjoint groups each sign a history of their own.
function checkPolicy({ members, majority, witnesses }) {
  must(new Set([...members, ...witnesses]).size === members.length + witnesses.length, "somebody in the policy counts twice");
  must(members.length > 0 && majority > members.length / 2, `${majority} of ${members.length} members are not a majority`);
}

function checkLogKeys(read, policy) {
  if (read.pinned === 0 && read.logs.length === 0) return;
  must(read.pinned === 1 && read.chains.length === 1, 'with lines "log KEY" goes one line "# chain TOKEN ID"');
  const origin = originOf(read.chains[0].token, read.chains[0].id);
  const own = policy.members.map(({ key }) => logKey(key, origin));
  must(own.sort().join("\n") === read.logs.sort().join("\n"), `the lines "log" are not the log keys of all members for ${origin}`);
}

/** What a handover says of a policy: the members alone, by name, and how many of them it takes. */
export function coreOf(policy) {
  const members = [...policy.members].sort((a, b) => (a.name < b.name ? -1 : 1));
  const lines = members.map(({ name, key }) => `witness ${name} ${key.text} -`);
  return [...lines, `group members ${policy.majority} ${members.map(({ name }) => name).join(" ")}`, "quorum members", ""].join("\n");
}

/** The hash that names the members of a policy, in hex. */
export const policyHash = (policy) => toHex(sha256(encode(coreOf(policy))));

/** The policy with other members: its witnesses and chains are not theirs to choose. */
export function withMembers(policy, { members, majority }) {
  const changed = { ...policy, members, majority };
  const all = [...members, ...policy.witnesses];
  must(!all.some((a, i) => all.slice(0, i).some((b) => a.name === b.name || a.key.name === b.key.name || sameKey(a.key, b.key))),
    "a new member has the name or the key of a witness");
  checkPolicy(changed);
  return changed;
}

/** Who of the policy signed a note, each once: `{members, witnesses}`, lists of `{name, time}`. */
export function countSigners(policy, note) {
  const times = new Map();
  for (const signature of note.signatures) {
    const by = [...policy.members, ...policy.witnesses].find(({ key }) => key.name === signature.name && key.id === signature.id);
    // One bad signature by a known key spoils the note: no honest hand put it there.
    if (by && !times.has(by)) times.set(by, signedAt(by.key, note.body, signature.bytes));
  }
  const signersOf = (group) => group.filter((cosigner) => times.has(cosigner)).map((cosigner) => ({ name: cosigner.name, time: times.get(cosigner) }));
  return { members: signersOf(policy.members), witnesses: signersOf(policy.witnesses) };
}

/** Throws Refused unless the policy means the chain of a checkpoint, and enough of it signed. Returns who. */
export function judge(policy, { checkpoint, note }) {
  const { origin } = checkpoint;
  require(policy.chains.length === 0 || chainOf(policy, origin), "checkpoint_wrong_origin", `it is of the chain ${origin}, which the policy does not mean`);
  const signers = countSigners(policy, note);
  for (const signature of note.signatures) {
    const as = policy.members.find(({ key }) => claimsLog(key, origin, signature));
    if (as) checkLog(as.key, note.body, signature);
  }
  require(signers.members.length >= policy.majority, "checkpoint_minority",
    `${signers.members.length} of ${policy.members.length} members signed the checkpoint, and ${policy.majority} are needed`);
  require(signers.witnesses.length >= policy.quorum, "checkpoint_unwitnessed",
    `${signers.witnesses.length} of ${policy.witnesses.length} witnesses signed the checkpoint, and ${policy.quorum} are needed`);
  return signers;
}

/** The chain of an origin among those that the policy names. */
export const chainOf = (policy, origin) => policy.chains.find(({ token, id }) => originOf(token, id) === origin);
