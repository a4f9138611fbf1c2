import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { createClient } from "../../app/api.mjs";
import { decode, encode, fromHex, toHex } from "../../app/proof/bytes.mjs";
import { Num, parse } from "../../app/proof/canonical.mjs";
import { publicKeyOf, verify } from "../../app/proof/ed25519.mjs";
import { Pins } from "../../app/proof/pins.mjs";
import { addressFault, addressOf } from "../../app/send/address.mjs";
import { whyNot, whyNotHold } from "../../app/send/guard.mjs";
import { openKeyFile } from "../../app/send/keyfile.mjs";
import { submit } from "../../app/send/submit.mjs";
import { expiry, memoFault, nameFault, openBody, openID, readAmount, signTransaction } from "../../app/send/transaction.mjs";
import { Storage, chainID, policyText } from "../proof/world.mjs";

const wallet = (name) => readFileSync(new URL(`../../../../wallet/testdata/${name}`, import.meta.url));
const passphrase = "correct horse battery staple";

test("addresses are those of the ledger", () => {
  const { keys } = JSON.parse(wallet("keys.json"));
  assert.ok(keys.length > 0);
  for (const { private_key: seed, public_key: key, address } of keys) {
    assert.equal(toHex(publicKeyOf(fromHex(seed, 32))), key);
    assert.equal(addressOf(fromHex(key, 32)), address);
    assert.equal(addressFault(address), "");
  }
  const good = keys[0].address;
  for (const bad of ["", "alice", good.slice(0, -1), good.toUpperCase(), good.replace(/.$/, (c) => (c === "q" ? "p" : "q")), good.replace("bpsc1", "bpsc2"), good.slice(0, -1) + "b"]) {
    assert.notEqual(addressFault(bad), "", bad);
  }
});

test("what is signed, its id and its signature are those of the ledger's wallets", () => {
  const vectors = parse(decode(wallet("transactions.json"))); // which keeps numbers as they were typed
  assert.ok(vectors.length >= 10);
  for (const vector of vectors) {
    const name = vector.get("name");
    const seed = fromHex(vector.get("private_key"), 32);
    const { chain, sender, nonce, expires, ...fields } = Object.fromEntries(vector.get("payload"));
    for (const [key, value] of Object.entries(fields)) {
      if (value instanceof Num && ["amount", "per_transfer", "per_day"].includes(key) && value.text !== "0") {
        fields[key] = readAmount(value.text, Number(vector.get("decimals").text)).amount;
        assert.ok(fields[key], name);
      }
    }
    const key = { seed, publicKey: publicKeyOf(seed), address: sender };
    const signed = signTransaction(fields, { key, chainID: chain, nonce, expires });
    assert.equal(decode(signed.message), vector.get("signed"), name);
    assert.equal(signed.id, vector.get("id"), name);
    const body = JSON.parse(signed.body);
    assert.equal(body.public_key, vector.get("public_key"), name);
    assert.equal(body.signature, vector.get("signature"), name);
    assert.ok(!signed.body.includes(vector.get("private_key")), name);
    assert.equal(body.chain, undefined, "the chain is the receiver's");
  }
});

test("a signature is judged by ZIP-215, and a changed one is none", () => {
  const message = encode("hello");
  const seed = fromHex("11".repeat(32), 32);
  const { body } = signTransaction({ kind: "burn", amount: new Num("1") }, { key: { seed, publicKey: publicKeyOf(seed), address: "x" }, chainID: "0", expires: 1 });
  assert.equal(JSON.parse(body).signature.length, 128);
  // A point of small order as the key, and nothing as the signature: good for any message under ZIP-215.
  const small = fromHex("01" + "00".repeat(31), 32);
  assert.ok(verify(fromHex("01" + "00".repeat(63), 64), message, small));
  assert.ok(!verify(fromHex("02" + "00".repeat(63), 64), message, small));
  assert.ok(!verify(new Uint8Array(63), message, small));
});

test("a key file opens with its passphrase alone", async () => {
  const key = await openKeyFile(wallet("alice.age"), passphrase);
  const { keys } = JSON.parse(wallet("keys.json"));
  assert.deepEqual([toHex(key.seed), toHex(key.publicKey), key.address, key.rotated], [keys[0].private_key, keys[0].public_key, keys[0].address, false]);
  await assert.rejects(openKeyFile(wallet("alice.age"), "correct horse"), { code: "key_file_passphrase" });
  await assert.rejects(openKeyFile(wallet("alice.age"), ""), { code: "key_file_passphrase" });
  for (const bad of [encode(""), encode("hello"), wallet("alice.age").subarray(0, 200), wallet("keys.json"), new Uint8Array(20_000), Uint8Array.of(255, 254)]) {
    await assert.rejects(openKeyFile(bad, passphrase), { code: "key_file_damaged" });
  }
});

test("amounts are read exactly or not at all", () => {
  for (const [text, decimals, want] of [["12.5", 6, "12.5"], ["12.50", 6, "12.5"], ["1", 0, "1"], ["0.000001", 6, "0.000001"], ["999999999.999999", 6, "999999999.999999"], [" 7 ", 2, "7"]]) {
    assert.equal(readAmount(text, decimals).amount?.text, want, text);
  }
  for (const [text, decimals] of [["", 6], ["-1", 6], ["0", 6], ["1e3", 6], ["1,5", 6], ["0.0000001", 6], ["1.5", 0], ["1000000000", 6], ["NaN", 6], ["٣", 6], ["1.", 6]]) {
    assert.ok(readAmount(text, decimals).fault, text);
  }
});

test("names and memos may be anything that fits", () => {
  const name = "<img src=x onerror=alert(1)>\u202e";
  assert.equal(nameFault(name), "");
  assert.equal(memoFault("🏠".repeat(64)), "");
  assert.notEqual(memoFault("🏠".repeat(65)), "");
  assert.notEqual(nameFault(""), "");
  assert.notEqual(nameFault("ä".repeat(65)), "");
  const body = openBody({ sender: name, recipient: "bob", amount: new Num("1.5"), memo: "" });
  assert.deepEqual(JSON.parse(body), { sender: name, recipient: "bob", amount: 1.5 });
});

test("what is signed expires, whatever a node says of the time", () => {
  assert.equal(expiry(1000, 1000), 4600);
  assert.equal(expiry(1000, 50_000), 53_600);
  assert.equal(expiry(1000, 86_000), 87_400, "a day by the local clock");
  assert.equal(expiry(1000, 1_000_000), null);
});

test("a hold ends when its sender says, by both clocks", () => {
  const hours = (n) => n * 3600;
  assert.equal(expiry(1000, 1000, hours(48)), 1000 + hours(48));
  assert.equal(expiry(1000, 1000 + hours(20), hours(48)), 1000 + hours(48), "not 68 hours");
  assert.equal(expiry(1000, 1000 + hours(2), hours(1)), 1000 + hours(3), "a clock here that is late shortens none");
  assert.equal(expiry(1000, 1000 + hours(24), hours(1)), null);
});

test("nothing is signed for a chain that what is pinned contradicts", () => {
  const other = "cd".repeat(32);
  const judged = (heads, token, id, more = {}) => {
    const pins = new Pins(new Storage());
    for (const head of heads) pins.pin(policyText([1, 2, 3], head));
    return whyNot({ pins, alarm: null, token, chainID: id, expires: 1, ...more });
  };
  const named = `log aka ${chainID}\n`;
  assert.equal(judged([], "aka", chainID), "");
  assert.equal(judged([named], "aka", chainID), "");
  assert.equal(judged([named, ""], "gold", other), "", "a policy for any chain does");
  assert.match(judged([named], "aka", other), /another chain/);
  assert.match(judged([named, ""], "aka", other), /another chain/, "and takes no place of one that names it");
  assert.match(judged([named], "play", chainID), /another name/, "the same chain as that of another token");
  assert.match(judged([named, ""], "play", chainID), /another name/);
  assert.match(judged([named], "aka", chainID.slice(0, 62) + "00"), /another chain/, "all digits count");
  assert.match(judged([], "aka", "abc"), /for which chain/);
  assert.match(judged([named], "aka", chainID, { alarm: {} }), /banner/);
  assert.match(judged([named], "aka", chainID, { expires: null }), /clock/);
});

test("a hold is decided after it was read, by its recipient, once", () => {
  const hold = { id: "1", status: "pending", recipient: "a" };
  assert.equal(whyNotHold(hold, "1", "a"), "");
  assert.match(whyNotHold(undefined, "1", "a"), /read first/);
  assert.match(whyNotHold({ ...hold, id: "2" }, "1", "a"), /read first/);
  assert.match(whyNotHold({ ...hold, status: "hold_expired" }, "1", "a"), /decided already/);
  assert.match(whyNotHold(hold, "1", "b"), /another wallet/);
});

const problem = (fields) => Object.assign(new Error("no"), { name: "Problem", code: "x", status: 0, retryable: true }, fields);

// A node that answers as told, one after the other; lookups find nothing until told.
function node(answers, found) {
  const requests = [];
  return {
    requests,
    async send(path, body, { header }) {
      requests.push({ path, body, header });
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return { data: answer };
    },
    async get() {
      const data = found?.(requests.length);
      if (!data) throw problem({ status: 404, retryable: false });
      return { data };
    },
  };
}

test("a transaction is sent again, with the same key, until something is known of it", async () => {
  const client = node([problem({ status: 503 }), problem({ status: 504, code: "outcome_unknown", retryable: false }), problem({}), { id: "1", record: {} }]);
  const tries = [];
  const sent = await submit({ client, path: "/v1/transactions", lookup: "/x", id: "1", body: "{}", idempotencyKey: "k", wait: async () => {}, tell: ({ tries: n }) => tries.push(n) });
  assert.deepEqual([sent.tries, sent.found, tries], [4, false, [1, 2, 3]]);
  assert.equal(new Set(client.requests.map((request) => JSON.stringify(request))).size, 1);
  assert.equal(client.requests[0].header["Idempotency-Key"], "k");
});

test("what another node knows is known", async () => {
  const client = node([problem({}), problem({}), problem({})], (asked) => asked === 2 && { id: "1", record: {}, block: 7 });
  const sent = await submit({ client, path: "/", lookup: "/x", id: "1", body: "{}", idempotencyKey: "k", wait: async () => {} });
  assert.deepEqual([sent.found, sent.answer.block, sent.tries], [true, 7, 2]);
});

test("an answer about another transaction is none", async () => {
  const client = node([{ id: "2", record: {} }, null, { id: "1", record: {} }], () => ({ id: "2", record: {}, block: 7 }));
  const sent = await submit({ client, path: "/", lookup: "/x", id: "1", body: "{}", idempotencyKey: "k", wait: async () => {} });
  assert.deepEqual([sent.answer.id, sent.found, sent.tries], ["1", false, 3]);
});

test("a refusal is an answer, and silence is none", async () => {
  const refused = node([problem({ status: 422, code: "insufficient_funds", retryable: false })]);
  await assert.rejects(submit({ client: refused, path: "/", lookup: "/x", id: "1", body: "{}", wait: async () => {} }), (error) => error.code === "insufficient_funds" && !error.unknown);
  assert.equal(refused.requests.length, 1);
  let clock = 0;
  const silent = node(Array.from({ length: 100 }, () => problem({})));
  await assert.rejects(submit({ client: silent, path: "/", lookup: "/x", id: "1", body: "{}", wait: async () => {}, now: () => (clock += 20_000) }), { unknown: true });
});

// members are those of one ledger: it decides by the id alone, once. way is what happens to a request
// on its way to a member, or back.
function members(way) {
  const ledger = new Map();
  const requests = [];
  const answer = (body, status = 200) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
  const fetch = async (url, { method, body, headers }) => {
    const [, origin, path] = /^(http:\/\/\w+)?(.*)$/.exec(url);
    const at = { origin: origin ?? "", path, method, body, headers, turn: requests.length };
    requests.push(at);
    return way(at, () => {
      if (method !== "POST") return ledger.has(path.slice(3)) ? answer(ledger.get(path.slice(3))) : answer({ code: "not_found", retryable: false }, 404);
      const id = openID(headers["Idempotency-Key"]);
      if (!ledger.has(id)) ledger.set(id, { id, record: JSON.parse(body), block: ledger.size + 2, times: 0 });
      ledger.get(id).times++;
      return answer(ledger.get(id));
    });
  };
  return { ledger, requests, client: createClient({ origins: ["", "http://b", "http://c"], fetch }) };
}

const gone = () => { throw new TypeError("gone"); };
const sendTo = (client, more = {}) => submit({ client, path: "/tx", lookup: "/x/" + openID("k"), id: openID("k"), body: '{"amount":1}', idempotencyKey: "k", wait: async () => {}, ...more });

test("when the member is gone that sent the page, the same goes to another one, and happens once", async () => {
  for (const [name, way, found, asked] of [
    ["it was dead", ({ origin }, take) => (origin === "" ? gone() : take()), false, ["", "http://b"]],
    ["it died with the answer, and nobody knows of it yet", ({ origin, method }, take) => {
      if (origin === "") { take(); gone(); }
      return method === "POST" ? take() : gone();
    }, false, ["", "http://b"]],
    ["it died with the answer, and the others know", ({ origin }, take) => { if (origin === "") { take(); gone(); } return take(); }, true, [""]],
    ["the second one has no leader yet", ({ origin, turn }, take) => (origin === "" ? gone() : turn < 4 ? new Response("{}", { status: 503 }) : take()), false, ["", "http://b"]],
    ["all answers are lost for a while", ({ method, turn }, take) => { if (method === "POST") take(); return turn < 12 ? gone() : take(); }, false, ["", "http://b", "http://c", ""]],
  ]) {
    const { ledger, requests, client } = members(way);
    const sent = await sendTo(client);
    assert.equal(sent.found, found, name);
    assert.equal(ledger.size, 1, name);
    const posts = requests.filter(({ method }) => method === "POST");
    assert.equal(new Set(posts.map(({ body, headers }) => body + headers["Idempotency-Key"])).size, 1, `${name}: byte for byte the same`);
    assert.deepEqual(posts.map(({ origin }) => origin), asked, name);
  }
});

test("what another member refuses is its answer, and it is not asked again", async () => {
  const { requests, client } = members(({ origin, method }, take) => (origin === "" ? gone() : method === "POST" ? new Response('{"code": "insufficient_funds", "retryable": false}', { status: 422 }) : take()));
  await assert.rejects(sendTo(client), (error) => error.code === "insufficient_funds" && !error.unknown);
  assert.deepEqual(requests.filter(({ method }) => method === "POST").map(({ origin }) => origin), ["", "http://b"]);
});

test("where nobody takes it, every member is asked, and it is said that nobody knows", async () => {
  let clock = 0;
  const { requests, client } = members(gone);
  await assert.rejects(sendTo(client, { now: () => (clock += 20_000) }), { unknown: true });
  assert.deepEqual(new Set(requests.filter(({ method }) => method === "POST").map(({ origin }) => origin)), new Set(["", "http://b", "http://c"]));
});

test("a send that was given up posts no more", async () => {
  const stop = new AbortController();
  let posts = 0;
  const client = createClient({ origins: [""], fetch: async (url, { method }) => {
    if (method === "POST") posts++;
    throw new TypeError("gone");
  } });
  const sent = submit({ client, path: "/v1/transactions", lookup: "/x", id: "1", body: "{}", signal: stop.signal, wait: async () => stop.abort() });
  await assert.rejects(sent, (error) => !error.unknown);
  assert.equal(posts, 1);
});

test("an open id is that of its key", () => {
  assert.equal(openID("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
