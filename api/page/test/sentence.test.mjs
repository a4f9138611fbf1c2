import test from "node:test";
import assert from "node:assert/strict";
import { effect, plainText, sentence, why } from "../app/sentence.mjs";
import { row } from "../app/export.mjs";

const say = (record) => plainText(sentence(record), (n) => n + " aka");

test("every kind of record has its sentence", () => {
  const ab = { sender: "a", recipient: "b" };
  for (const [record, want] of [
    [{ ...ab, amount_send: 5, amount_receive: 4, amount_bpsc: 1 }, "a sent 5 aka to b, who got 4 aka; the fee was 1 aka."],
    [{ kind: "hold", ...ab, amount_send: 5 }, "a set 5 aka aside for b, who may accept or reject it."],
    [{ kind: "delivery", ...ab, amount_send: 5, amount_receive: 4, amount_bpsc: 1 }, "b accepted 5 aka from a and got 4 aka; the fee was 1 aka."],
    [{ kind: "refund", ...ab, amount_refund: 5, reason: "expired" }, "5 aka went back to a and not to b, fee included: nobody decided in time."],
    [{ kind: "issue", ...ab, amount: 5 }, "a created 5 aka for b."],
    [{ kind: "spend", ...ab, amount: 5 }, "a paid 5 aka of the fees to b."],
    [{ kind: "burn", sender: "a", amount: 5 }, "a destroyed 5 aka of the fees."],
    [{ kind: "rules", sender: "a", account: "b", frozen: true }, "a froze the wallet of b."],
    [{ kind: "rules", sender: "a", account: "b", frozen: false }, "a released the wallet of b."],
    [{ kind: "rules", sender: "a", receive: "approve", per_day: 9, per_transfer: 0 }, "a set rules for the own wallet: it asks before it takes anything, sends as much as it likes in one transfer and sends at most 9 aka in a day."],
    [{ kind: "recovery", sender: "ops", members_before: "n1 n2 n3", members_after: "n1", reason: "fire" }, "ops had the cluster go on with the members n1 of n1 n2 n3: fire."],
    [{ kind: "novel", sender: "a" }, "A record of the kind novel by a, which this page does not know."],
  ]) assert.equal(say(record), want);
  assert.match(why("count"), /as many records/);
  assert.equal(why("novel"), "");
});

test("what is in a record stays a value", () => {
  const parts = sentence({ kind: "transfer", sender: "<b>x</b>", recipient: "y", amount_send: 1, amount_receive: 1, amount_bpsc: 0 });
  assert.deepEqual(parts[0], { account: "<b>x</b>" });
  assert.ok(parts.filter((part) => typeof part === "string").every((part) => !part.includes("<")));
});

test("what a record changes for an account", () => {
  const contract = { bpsc: "fees" };
  const transfer = { sender: "a", recipient: "b", amount_send: 5, amount_receive: 4, amount_bpsc: 1 };
  assert.deepEqual(effect(transfer, "a", contract), { sign: -1, amount: 5 });
  assert.deepEqual(effect(transfer, "b", contract), { sign: 1, amount: 4 });
  assert.deepEqual(effect({ ...transfer, recipient: "a" }, "a", contract), { sign: -1, amount: 1 }, "who pays oneself pays the fee");
  assert.equal(effect({ ...transfer, kind: "hold" }, "b", contract).sign, 0, "nothing has come yet");
  assert.deepEqual(effect({ ...transfer, kind: "delivery" }, "b", contract), { sign: 1, amount: 4 });
  assert.equal(effect({ ...transfer, kind: "delivery" }, "a", contract).sign, 0, "it went when the hold came");
  assert.deepEqual(effect({ kind: "refund", hold: "1", sender: "a", recipient: "b", amount_refund: 5 }, "a", contract), { sign: 1, amount: 5 });
  assert.equal(effect({ kind: "refund", sender: "a", recipient: "b", amount_refund: 5 }, "a", contract).sign, 0, "it never went");
  assert.deepEqual(effect({ kind: "burn", sender: "t", amount: 5 }, "fees", contract), { sign: -1, amount: 5 });
});

test("a row of the file", () => {
  const item = { block: 3, position: 0, in_block: true, record: { kind: "transfer", id: "ab", sender: "=cmd()", recipient: "b", amount_send: 1234567.5, amount_receive: 1234506, amount_bpsc: 61.5, memo: "a,b" } };
  assert.equal(row(item, "=cmd()", 6, { token: "aka" }),
    `3,0,true,transfer,ab,'=cmd(),b,-1234567.5,1234567.5,61.5,1234506,,,"a,b",,"'=cmd() sent 1234567.5 aka to b, who got 1234506 aka; the fee was 61.5 aka."\r\n`);
});
