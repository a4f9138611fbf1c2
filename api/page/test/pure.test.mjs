import test from "node:test";
import assert from "node:assert/strict";
import { format, match, parse } from "../app/router.mjs";
import { meanings } from "../app/search.mjs";
import { line } from "../app/csv.mjs";
import { ago, clock, duration, parseDuration } from "../app/time.mjs";
import { dueText, scheduleText } from "../app/schedule.mjs";
import { percent, rules } from "../app/rules.mjs";
import { peersOf } from "../app/peers.mjs";
import { bundle, findBlock, tileName } from "../app/blockhash.mjs";
import { moments } from "../app/past.mjs";

test("any name is a part of an address, and comes back", () => {
  for (const name of ["alice", "../../x", "a/b?c=1#d&e", "100%", "%2F", "<script>", "\u202eevil", "😀".repeat(32), " ", "מרחבא"]) {
    assert.deepEqual(parse(format(["accounts", name], { contract: "aka" })), { parts: ["accounts", name], query: { contract: "aka" } });
  }
  assert.deepEqual(parse("#/accounts/%E0%A4%A"), { parts: ["accounts", "%E0%A4%A"], query: {} }, "what is no escape stands as it is");
  assert.deepEqual(parse(""), { parts: [], query: {} });
});

test("routes match whole paths", () => {
  const rows = [{ path: "" }, { path: "blocks" }, { path: "blocks/:index" }];
  assert.equal(match(rows, []).row, rows[0]);
  assert.deepEqual(match(rows, ["blocks", "7"]), { row: rows[2], params: { index: "7" } });
  assert.equal(match(rows, ["blocks", "7", "8"]), undefined);
  assert.equal(match(rows, ["blocks", ""]), undefined);
});

test("a search looks where the text may lead", () => {
  assert.deepEqual(meanings(" 1,234 ")[0], { kind: "block", index: 1234 });
  assert.deepEqual(meanings("#7")[0], { kind: "block", index: 7 });
  assert.deepEqual(meanings("AB".repeat(32)).map((m) => m.kind), ["id", "account"]);
  assert.deepEqual(meanings("0"), [{ kind: "account", name: "0" }]);
  assert.deepEqual(meanings("wallet-a"), [{ kind: "account", name: "wallet-a" }]);
  assert.deepEqual(meanings("  "), []);
  assert.deepEqual(meanings("x".repeat(129)), []);
});

test("a cell of CSV is data, whatever it holds", () => {
  assert.equal(line(["a", 1, "", undefined, 'say "hi"', "a,b", "two\nlines"]), 'a,1,,,"say ""hi""","a,b","two\nlines"\r\n');
  assert.equal(line(["=1+1", "+x", "@x", "-cmd", "-12.5", "-3"]), "'=1+1,'+x,'@x,'-cmd,-12.5,-3\r\n");
});

test("durations", () => {
  assert.equal(parseDuration("1m30s"), 90);
  assert.equal(parseDuration("250ms"), 0.25);
  assert.equal(parseDuration(2), 2);
  for (const wrong of ["", "1", "s", "1x", "1 s", null, undefined]) assert.ok(Number.isNaN(parseDuration(wrong)));
  assert.equal(duration(86400), "1 day");
  assert.equal(duration(90), "90 seconds");
  assert.equal(duration(0.25), "250 milliseconds");
  assert.equal(ago(3.14), "3.1 s");
  assert.equal(ago(7300), "2 h");
  assert.equal(ago(NaN), "–");
});

test("schedules in words", () => {
  const say = (schedule, on_request = false) => scheduleText({ schedule, on_request });
  assert.equal(say({ every: 1 }), "A block is produced every second, an empty one too.");
  assert.equal(say({ every: 60, empty: false }), "A block is produced every 1 minute, if there is something to pack.");
  assert.equal(say({ transactions: 10 }, true), "A block is produced as soon as there are 10 records, and whenever somebody asks for one.");
  assert.match(say({ every: 2, transactions: 5 }), /whichever comes first/);
  assert.equal(say({}, true), "A block is produced whenever somebody asks for one.");
  const due = (schedule, more, now = 100) => dueText({ pending: 0, contract: { schedule, on_request: true }, ...more }, now);
  assert.equal(due({ every: 5 }, { next_block_at: 103 }), "in 3.0 s");
  assert.equal(due({ every: 5 }, { next_block_at: 99 }), "any moment");
  assert.equal(due({ every: 5, empty: false }, {}), "when there is something to pack");
  assert.equal(due({ transactions: 10 }, { pending: 4 }), "after 6 more records");
  assert.equal(due({}, {}), "on request");
});

test("rules say what a contract says", () => {
  const open = { token: "aka", decimals: 6, wallets: "open", fee_ppm: 50, fees: "hold", schedule: { every: 1 }, on_request: true };
  assert.ok(rules(open).some((text) => text.includes("0.005 %") && text.includes("0.000001 aka")));
  const signed = { ...open, wallets: "signed", issuer: "i", supply: 1000, mintable: false, freezable: true, fees: "burn", hold_for: 3600, decimals: 0 };
  const text = rules(signed).join(" ");
  for (const part of ["1,000 aka were created", "there will never be more", "may freeze", "destroyed at once", "waits for 1 hour", "smallest amount is 1."]) assert.ok(text.includes(part), part);
  assert.equal(percent(1000000), "100 %");
});

test("only pages of the members' own addresses ask other members", () => {
  const named = "http://127.0.0.1:5000 http://127.0.0.1:5010 http://localhost:5000 http://localhost:5010";
  assert.deepEqual(peersOf("http://127.0.0.1:5000", named), ["http://127.0.0.1:5010"]);
  assert.deepEqual(peersOf("http://localhost:5010", named), ["http://localhost:5000"]);
  assert.deepEqual(peersOf("https://ledger.example", named), []);
  assert.deepEqual(peersOf("https://n1.example", "https://n1.example https://n2.example"), ["https://n2.example"]);
  assert.deepEqual(peersOf("http://127.0.0.1:5000", ""), []);
});

test("entries of the log", () => {
  assert.equal(tileName(0), "000");
  assert.equal(tileName(1234067), "x001/x234/067");
  assert.deepEqual([...bundle(new Uint8Array([0, 2, 123, 125, 0, 1, 49]))], ["{}", "1"]);
});

test("moments of the past", () => {
  assert.deepEqual(moments(0, 24), []);
  assert.deepEqual(moments(1, 24), [1]);
  assert.deepEqual(moments(3, 24), [1, 2, 3]);
  assert.equal(moments(1000000, 24).length, 24);
  assert.equal(moments(1000000, 24).at(-1), 1000000);
});

test("a block is found by its hash among the newest, and among the old ones when somebody says so", async () => {
  const length = 12_345;
  const asked = [];
  const client = {
    async get(path) {
      const [, name, wide = 256] = /entries\/([x\d/]+?)(?:\.p\/(\d+))?$/.exec(path);
      const n = Number(name.replace(/\D/g, ""));
      asked.push(n);
      const parts = Array.from({ length: Number(wide) }, (_, i) => new TextEncoder().encode(JSON.stringify({ index: n * 256 + i + 1, hash: `h${n * 256 + i + 1}` })));
      return { data: new Uint8Array(parts.flatMap((part) => [part.length >> 8, part.length & 255, ...part])) };
    },
  };
  const ledger = { client, token: "aka", length, live: { heads: [{ index: length, hash: `h${length}`, previous_hash: `h${length - 1}` }] } };
  const find = async (hash, further) => {
    asked.length = 0;
    return { ...await findBlock(ledger, hash, { say: () => {}, further }), asked: asked.length };
  };
  assert.deepEqual(await find(`h${length - 1}`), { index: length - 1, more: false, asked: 0 });
  assert.deepEqual(await find("h12000"), { index: 12_000, more: false, asked: 3 });
  assert.deepEqual(await find("h1"), { index: 0, more: true, asked: 40 });
  assert.deepEqual(await find("h1", true), { index: 1, more: false, asked: 9 });
  assert.deepEqual(await find("none", true), { index: 0, more: false, asked: 9 });
  ledger.length = 256;
  assert.deepEqual(await find("none"), { index: 0, more: false, asked: 1 }, "and no tile of nothing");
});

test("a time is that of the reader, and of what is none there is none", () => {
  const at = new Date(1_790_000_000_000);
  assert.equal(clock(1_790_000_000), `${at.toLocaleDateString(undefined, { dateStyle: "medium" })}, ${at.toLocaleTimeString(undefined, { timeStyle: "medium" })}`);
  for (const none of [NaN, Infinity, 1e300, undefined]) assert.equal(clock(none), "–");
});
