import test from "node:test";
import assert from "node:assert/strict";
import { createClient, Problem } from "../app/api.mjs";
import { follow, join } from "../app/live.mjs";
import { join as joinHistory } from "../app/history.mjs";
import { reader } from "../app/sse.mjs";

const json = (body, { status = 200, type = "application/json" } = {}) => new Response(body, { status, headers: { "Content-Type": type } });
const problem = (status, code, retryable) => json(JSON.stringify({ code, detail: "because of " + code, retryable }), { status, type: "application/problem+json" });

// asking returns a client whose nodes answer as said, and who was asked.
function asking(nodes, more = {}) {
  const asked = [];
  const origins = Object.keys(nodes);
  const fetch = async (url, options) => {
    const origin = origins.findLast((o) => url.startsWith(o));
    asked.push(origin);
    const answer = nodes[origin];
    if (answer === undefined) throw new TypeError("gone");
    return answer(url.slice(origin.length), options);
  };
  return { client: createClient({ origins, fetch, ...more }), asked };
}

test("a node that does not answer as it should is left for the next", async () => {
  for (const [name, bad] of Object.entries({
    gone: () => { throw new TypeError("refused"); },
    broken: () => json('{"length": 12, "ti'),
    html: () => json("<html>", { type: "text/html" }),
    fails: () => json("oops", { status: 500, type: "text/plain" }),
    leaderless: () => problem(503, "no_leader", true),
  })) {
    const { client, asked } = asking({ "": bad, "http://b": () => json('{"ok":1}') });
    assert.deepEqual((await client.get("/v1/x")).data, { ok: 1 }, name);
    assert.equal(client.origin, "http://b");
    await client.get("/v1/x");
    assert.deepEqual(asked, ["", "http://b", "http://b"], "it stays where it was answered");
  }
});

test("a slow node is left, too", async () => {
  const never = (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const { client } = asking({ "": never, "http://b": () => json("{}") });
  assert.equal((await client.get("/v1/x", { timeout: 20 })).origin, "http://b");
  const alone = asking({ "": never }).client;
  await assert.rejects(alone.get("/v1/x", { timeout: 20 }), (error) => error instanceof Problem && error.code === "slow" && error.retryable);
});

test("what a node refuses is its answer", async () => {
  const { client, asked } = asking({ "": () => problem(404, "not_found", false), "http://b": () => json("{}") });
  await assert.rejects(client.get("/v1/x"), (error) => error.status === 404 && error.code === "not_found" && error.message === "because of not_found");
  assert.deepEqual(asked, [""]);
});

test("of failures the one that says most is told", async () => {
  const { client } = asking({ "": () => { throw new TypeError("refused"); }, "http://b": () => problem(503, "no_leader", true), "http://c": () => json("{") });
  await assert.rejects(client.get("/v1/x"), (error) => error.code === "no_leader");
});

test("a token goes along, and what is sent goes to the node that the page goes on with", async () => {
  const seen = [];
  const node = (url, options) => { seen.push([url, options.method, options.headers.Authorization, options.credentials]); return json("{}"); };
  const { client } = asking({ "": () => { throw new TypeError("refused"); }, "http://b": node }, { token: () => "secret" });
  await client.get("/v1/x");
  await client.send("/v1/transactions", "{}");
  assert.deepEqual(seen, [["/v1/x", "GET", "Bearer secret", "omit"], ["/v1/transactions", "POST", "Bearer secret", "omit"]]);
});

test("what is sent goes to one node at a time: the next is the one for the next try where that does not serve", async () => {
  const late = (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  for (const [name, bad, next] of [
    ["gone", () => { throw new TypeError("refused"); }, "http://b"],
    ["slow", late, "http://b"],
    ["broken", () => json('{"id": "1'), "http://b"],
    ["leaderless", () => problem(503, "no_leader", true), "http://b"],
    ["unsure", () => problem(504, "outcome_unknown", false), "http://b"],
    ["refused", () => problem(422, "insufficient_funds", false), ""],
    ["asked too often", () => problem(429, "rate_limited", true), ""],
    ["foreign", () => problem(403, "origin_foreign", false), ""],
  ]) {
    const { client, asked } = asking({ "": bad, "http://b": () => json("{}"), "http://c": () => json("{}") });
    await assert.rejects(client.send("/v1/transactions", "{}", { timeout: 20 }), Problem, name);
    assert.deepEqual(asked, [""], `${name}: nobody else is asked by itself`);
    assert.equal(client.origin, next, name);
  }
  const { client, asked } = asking({ "": () => json("{}"), "http://b": () => json("{}") });
  await assert.rejects(client.send("/v1/transactions", "{}", { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.deepEqual([asked, client.origin], [[], ""], "what was given up says nothing of a node");
});

test("operators act through the node that sent the page, and through no other", async () => {
  const { client, asked } = asking({ "": (_, { method }) => (method === "GET" ? problem(503, "no_leader", true) : json("{}")), "http://b": () => json("{}") }, { token: () => "reads" });
  await client.get("/v1/x");
  assert.equal(client.origin, "http://b");
  const header = { Authorization: "Bearer operator" };
  await client.operate("/v1/cluster:transfer-leader", "{}", { header });
  assert.deepEqual(asked, ["", "http://b", ""]);
  assert.equal(client.origin, "http://b");
  await assert.rejects(client.send("/v1/transactions", "{}", { header }), { code: "token_elsewhere" });
  assert.equal(asked.length, 3);
});

test("events are read however they are cut", () => {
  const text = ": keep-alive\n\nevent: block\nid: c-1\ndata: {\"index\":1}\n\nevent: block\r\nid: c-2\r\ndata: a\r\ndata: b\r\n\r\nevent: lost\ndata: x";
  for (let size = 1; size <= text.length; size++) {
    const take = reader();
    const events = [];
    for (let i = 0; i < text.length; i += size) events.push(...take(text.slice(i, i + size)));
    assert.deepEqual(events, [{ type: "block", id: "c-1", data: '{"index":1}' }, { type: "block", id: "c-2", data: "a\nb" }]);
  }
});

const head = (index, tag = "") => ({ index, hash: "h" + index + tag, previous_hash: "h" + (index - 1) });
const event = (h) => `event: block\nid: c-${h.index}\ndata: ${JSON.stringify(h)}\n\n`;

// streaming is a node with so many blocks, which breaks the stream after some of them.
function streaming(blocks, breaksAfter = Infinity) {
  return (path, { signal }) => {
    const from = Number(new URLSearchParams(path.split("?")[1]).get("from"));
    const send = blocks.filter((h) => h.index >= from).slice(0, breaksAfter);
    const bytes = new TextEncoder().encode(send.map(event).join(""));
    let at = 0;
    return new Response(new ReadableStream({
      pull(to) {
        if (at < bytes.length) { to.enqueue(bytes.slice(at, (at += 7))); return; }
        if (send.length === breaksAfter) to.error(new TypeError("reset"));
        else if (blocks.at(-1).index < 60) to.close();
        else signal.addEventListener("abort", () => to.error(signal.reason));
      },
    }), { headers: { "Content-Type": "text/event-stream" } });
  };
}

test("no block is missed or doubled over failovers", async () => {
  const all = Array.from({ length: 60 }, (_, i) => head(i + 1));
  const { client, asked } = asking({ "": streaming(all, 7), "http://b": streaming(all.slice(0, 30)), "http://c": streaming(all, 11) });
  const stop = new AbortController();
  const seen = [];
  await follow({
    client, token: "aka", chainID: "c", length: 60, signal: stop.signal, wait: async () => {},
    changed: ({ heads, broken }) => {
      assert.equal(broken, 0);
      for (const h of heads) if (h.index > (seen.at(-1) ?? 0)) seen.push(h.index);
      if (seen.at(-1) === 60) stop.abort();
    },
  });
  assert.deepEqual(seen, all.map((h) => h.index));
  assert.deepEqual(new Set(asked), new Set(["", "http://b", "http://c"]));
});

test("a chain that does not hold together is found", () => {
  let state = join({ heads: [], broken: 0 }, [head(5), head(6)]);
  state = join(state, [head(6), head(7)]);
  assert.deepEqual(state.heads.map((h) => h.index), [5, 6, 7]);
  assert.equal(state.broken, 0);
  assert.throws(() => join(state, [head(9)]), Problem);
  assert.equal(join(state, [{ index: 8, hash: "h8", previous_hash: "other" }]).broken, 8);
  assert.equal(join({ heads: [], broken: 0 }, Array.from({ length: 1000 }, (_, i) => head(i + 1))).heads.length, 240);
});

test("a break that was seen stays, though the stream begins anew", async () => {
  const all = Array.from({ length: 60 }, (_, i) => head(i + 1));
  const forked = all.map((h) => (h.index === 31 ? { ...h, previous_hash: "other" } : h));
  const { client } = asking({ "": streaming(forked, 40), "http://b": streaming(all, 5) });
  const told = async (before) => {
    const stop = new AbortController();
    let last;
    await follow({
      client, token: "aka", chainID: "c", length: 60, before, signal: stop.signal, wait: async () => {},
      changed: (state) => { last = { heads: state.heads, broken: state.broken }; if (state.heads.at(-1)?.index === 60) stop.abort(); },
    });
    return last;
  };
  const first = await told(undefined);
  assert.equal(first.broken, 31);
  assert.equal((await told({ heads: first.heads.slice(0, -3), broken: first.broken })).broken, 31, "as in a page that was hidden for a while");
  assert.equal(join({ heads: [head(5), head(6)], broken: 0 }, [head(6, "x")]).broken, 6, "another block in the place of one that is here");
});

test("an answer, or an event, without end is left", async () => {
  let sent = 0, cancelled = false;
  const endless = () => new Response(new ReadableStream({ pull(to) { sent++; to.enqueue(new Uint8Array(1 << 20)); }, cancel() { cancelled = true; } }), { headers: { "Content-Type": "application/json" } });
  const { client } = asking({ "": endless, "http://b": () => json('{"ok":1}') });
  assert.deepEqual((await client.get("/v1/x")).data, { ok: 1 });
  assert.ok(cancelled && sent < 20);
  const stop = new AbortController();
  const refusing = asking({ "": () => new Response(endless().body, { status: 503 }) });
  await follow({ client: refusing.client, token: "aka", chainID: "c", length: 1, signal: stop.signal, changed: ({ why }) => { if (why === "The server's answer has no end") stop.abort(); }, wait: async () => {} });
  assert.ok(stop.signal.aborted && sent < 40);
  for (const piece of ["data: " + "x".repeat(1 << 16), "data: " + "x".repeat(1 << 16) + "\n"]) {
    const take = reader();
    assert.throws(() => { for (let i = 0; i < 20; i++) [...take(i === 0 ? piece : piece.slice(piece.endsWith("\n") ? 0 : 6))]; }, { code: "too_large" });
  }
});

test("what was given up is not sent, and an operator's token goes to the page's own node alone", async () => {
  const { client, asked } = asking({ "": () => json("{}"), "http://b": () => json("{}") });
  const gone = AbortSignal.abort();
  for (const call of [() => client.send("/v1/transactions", "{}", { signal: gone }), () => client.get("/v1/x", { signal: gone }), () => client.ask("", "/v1/x", { signal: gone })]) {
    await assert.rejects(call, { name: "AbortError" });
  }
  const header = { Authorization: "Bearer operator" };
  await assert.rejects(client.ask("http://b", "/v1/audit", { header }), { code: "token_elsewhere" });
  await assert.rejects(client.open("http://b", "/v1/audit", { header }), { code: "token_elsewhere" });
  assert.deepEqual(asked, []);
  await client.ask("", "/v1/audit", { header });
  assert.deepEqual(asked, [""]);
});

test("new records of an account come in front, once", () => {
  const item = (n, in_block = true) => ({ cursor: "c" + n, in_block });
  const old = { items: [item(3, false), item(2), item(1)], next: "", more: false };
  const joined = joinHistory(old, { items: [item(5), item(4), item(3)], next: "c3" });
  assert.deepEqual(joined.items.map((i) => i.cursor), ["c5", "c4", "c3", "c2", "c1"]);
  assert.equal(joined.items[2].in_block, true, "it is in a block meanwhile");
  assert.equal(joined.more, false);
  const gap = joinHistory(old, { items: [item(9), item(8)], next: "c8" });
  assert.deepEqual([gap.items.length, gap.next, gap.more], [2, "c8", true], "what is between is read again");
  assert.deepEqual(joinHistory({ items: [], next: "", more: false }, { items: [item(1)] }).items.length, 1);
});
