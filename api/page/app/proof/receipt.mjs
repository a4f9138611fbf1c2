// Receipts: a record with everything that proves it (docs/evidence.md). The file is a
// c2sp.org/tlog-proof of the block's header, with the record and its path in the extra data.

import { Num, canonical, parse } from "./canonical.mjs";
import { decode, encode, fromBase64, fromHex, toBase64, toHex } from "./bytes.mjs";
import { parseOrigin, readCheckpoint } from "./checkpoint.mjs";
import { policyFor } from "./history.mjs";
import { maxBlockRecords, maxLeafBytes, maxPath, maxReceiptBytes, maxRecordBytes, maxRecordPath, maxSize } from "./limits.mjs";
import { climb, leafHash } from "./merkle.mjs";
import { chainOf, changedText, judge } from "./policy.mjs";
import { checkOwner } from "./owner.mjs";
import { Refused, asSentence, require } from "./refused.mjs";

const format = "bpsc/receipt/v1";
const must = (holds, sentence, code = "receipt_malformed") => require(holds, code, sentence);

/** Takes the bytes of a receipt apart and verifies nothing: `{leaf, record, position, recordPath, leafPath, checkpoint}`. */
export function parseReceipt(bytes) {
  must(bytes.length > 0, "the file is empty: there is nothing to read", "proof_empty");
  must(bytes.length <= maxReceiptBytes, `a receipt has at most ${maxReceiptBytes} bytes`, "proof_too_large");
  const text = textOf(bytes);
  const changed = changedText(text);
  must(!changed, `a tool that changes texts has been at the file: ${changed}; get it again`);
  const end = text.indexOf("\n\n");
  must(end >= 0 && text.endsWith("\n"), "the file is no receipt, or half of one");
  const [first, extraLine, indexLine, ...path] = text.slice(0, end).split("\n");
  must(first === "c2sp.org/tlog-proof@v1" && extraLine?.startsWith("extra ") && /^index (?:0|[1-9]\d{0,15})$/.test(indexLine ?? ""), "the file is no receipt of ours");
  must(path.length <= maxPath, `a path in a log has at most ${maxPath} hashes`, "proof_too_large");
  const leafPath = path.map((line) => fromBase64(line));
  must(leafPath.every((hash) => hash?.length === 32), "a hash of the path in the log cannot be read");
  const extra = fromBase64(extraLine.slice("extra ".length));
  must(extra, "its extra data cannot be read");
  const receipt = { ...parseExtra(textOf(extra)), leafPath, checkpoint: text.slice(end + 2) };
  must(receipt.leaf.index === Number(indexLine.slice("index ".length)) + 1, "its header is of another block than its path", "receipt_wrong_header");
  return receipt;
}

function textOf(bytes) {
  try {
    return decode(bytes);
  } catch {
    throw new Refused("receipt_malformed", "it is not text in UTF-8");
  }
}

function parseValue(text, code) {
  try {
    return parse(text);
  } catch {
    throw new Refused(code, "its extra data is no JSON, or JSON with two meanings");
  }
}

function parseExtra(text) {
  const extra = parseValue(text, "receipt_malformed");
  must(extra instanceof Map && [...extra.keys()].join() === "format,leaf,position,record,record_path" && extra.get("format") === format,
    `its extra data is not ${format}`);
  must(extra.get("record") instanceof Map, "there is no record in the file", "record_not_canonical");
  const record = canonical(extra.get("record"));
  // Where all of it is as canonical text has it, the record and the leaf are too.
  must(canonical(extra) === text, "it is not written as a block would write it", text.includes(record) ? "receipt_malformed" : "record_not_canonical");
  must(record.length <= maxRecordBytes, "the record is too large", "proof_too_large");
  const position = extra.get("position");
  must(position instanceof Num && position.integer && Number(position.text) >= 0 && Number(position.text) <= maxSize, "the position of the record is none", "proof_size");
  const hashes = extra.get("record_path");
  must(Array.isArray(hashes), "the path in the block is missing");
  must(hashes.length <= maxRecordPath, `a path in a block has at most ${maxRecordPath} hashes`, "proof_too_large");
  const recordPath = hashes.map((hash) => fromHex(hash, 32));
  must(recordPath.every((hash) => hash), "a hash of the path in the block cannot be read");
  return { leaf: parseLeaf(extra.get("leaf")), record, fields: extra.get("record"), position: Number(position.text), recordPath };
}

// What is left of a block in the log.
function parseLeaf(value) {
  const leaf = (holds, sentence) => must(holds, `the header is none: ${sentence}`, "leaf_malformed");
  leaf(value instanceof Map && [...value.keys()].join() === "hash,index,previous_hash,timestamp,transactions,transactions_root", "its keys");
  const count = (key) => {
    const number = value.get(key);
    leaf(number instanceof Num && number.integer && Number(number.text) >= 0, key);
    return Number(number.text);
  };
  const text = canonical(value);
  leaf(text.length <= maxLeafBytes, "its length");
  const [index, transactions, previous] = [count("index"), count("transactions"), value.get("previous_hash")];
  leaf(index >= 1 && index <= maxSize && transactions <= maxBlockRecords, "its numbers");
  leaf(index === 1 ? previous === "1" : fromHex(previous, 32), "its predecessor");
  const root = fromHex(value.get("transactions_root"), 32);
  const timestamp = value.get("timestamp");
  leaf(root && fromHex(value.get("hash"), 32) && timestamp instanceof Num && !timestamp.integer && Number(timestamp.text) >= 0, "its hashes or its time");
  return { text, index, transactions, root, hash: value.get("hash"), timestamp: Number(timestamp.text) };
}

/** The steps of a check, in the order in which they are made; the last only where one was asked for. */
export const steps = ["file", "signatures", "log", "block", "owner", "asked"];

/**
 * Checks a receipt by a history of policies, with nothing else. Returns `{ok, steps, ...}`: each
 * step is `{name, holds, says}`, and the first that does not hold is the last. Where all hold,
 * `record`, `fields`, `block`, `token`, `chain`, `signers` and `checkpoint` say what is proven.
 *
 * `expected`, `{id, token, chain}`, is what a node was asked for: what it sent may hold and be the
 * receipt of something else. There is none where somebody brought the file.
 */
export function verifyReceipt(bytes, history, expected) {
  const done = [];
  let at = "file";
  const step = (name, check) => {
    at = name;
    const [result, says] = check();
    done.push({ name, holds: true, says });
    return result;
  };
  try {
    const receipt = step("file", () => [parseReceipt(bytes), "The file has the one form of a receipt."]);
    const signed = step("signatures", () => checkSignatures(receipt, history));
    step("log", () => checkLog(receipt, signed.checkpoint));
    step("block", () => checkBlock(receipt));
    const { checkpoint, policy, signers } = signed;
    const chain = chainOf(policy, checkpoint.origin);
    step("owner", () => checkOwner(receipt.fields, chain?.id));
    const { token, digits } = parseOrigin(checkpoint.origin);
    const proven = { id: receipt.fields.get("id"), token, chain: chain?.id ?? digits };
    if (expected) step("asked", () => checkAsked(proven, expected));
    return { ok: true, steps: done, token, chain: proven.chain, record: receipt.record, fields: receipt.fields, position: receipt.position,
      block: receipt.leaf.index, hash: receipt.leaf.hash, timestamp: receipt.leaf.timestamp, checkpoint, signers, memberCount: policy.members.length };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { ok: false, code: error.code, steps: [...done, { name: at, holds: false, says: asSentence(error.message) }] };
  }
}

function checkSignatures(receipt, history) {
  const signed = readCheckpoint(receipt.checkpoint);
  const { checkpoint } = signed;
  const policy = policyFor(history, checkpoint.origin, checkpoint.size);
  const signers = judge(policy, signed);
  const names = (list) => list.map(({ name }) => name).join(", ");
  const witnesses = signers.witnesses.length > 0 ? `, and the witnesses ${names(signers.witnesses)}` : "";
  return [{ checkpoint, policy, signers },
    `${names(signers.members)} of ${policy.members.length} members signed the checkpoint of ${checkpoint.size} blocks (${policy.majority} are needed)${witnesses}.`];
}

function checkLog({ leaf, leafPath }, checkpoint) {
  must(leaf.index <= checkpoint.size, `block ${leaf.index} came after the checkpoint, which has ${checkpoint.size} blocks`, "checkpoint_stale");
  const root = climb(leafHash(encode(leaf.text)), leaf.index - 1, checkpoint.size, leafPath);
  must(root && toBase64(root) === toBase64(checkpoint.root), `block ${leaf.index} is not in the log that was signed`, "leaf_not_in_log");
  return [null, `Block ${leaf.index} is in the log that they signed.`];
}

function checkBlock({ leaf, record, position, recordPath }) {
  const outside = `the record is not in block ${leaf.index}`;
  must(position < leaf.transactions, outside, "record_not_in_block");
  const root = climb(leafHash(encode(record)), position, leaf.transactions, recordPath);
  must(root && toHex(root) === toHex(leaf.root), outside, "record_not_in_block");
  return [null, `The record is number ${position + 1} of ${leaf.transactions} in block ${leaf.index}.`];
}

// Of a chain that its policy does not name there are the first digits of its id.
function checkAsked({ id, token, chain }, expected) {
  const another = (what, is, asked) => must(false, `it is the receipt of another ${what}: ${is}, and ${asked} was asked for`, "receipt_of_another");
  if (token !== expected.token) another("contract", token, expected.token);
  if (!expected.chain || !expected.chain.startsWith(chain)) another("chain", chain, expected.chain);
  if (id !== expected.id) another("transaction", id, expected.id);
  return [null, "It is of the transaction that was asked for."];
}
