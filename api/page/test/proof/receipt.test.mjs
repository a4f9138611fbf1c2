import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { show } from "../../app/amount.mjs";
import { encode } from "../../app/proof/bytes.mjs";
import { parseHistory } from "../../app/proof/history.mjs";
import { asProven, isLookedAt } from "../../app/proof/proven.mjs";
import { policyHash } from "../../app/proof/policy.mjs";
import { steps, verifyReceipt } from "../../app/proof/receipt.mjs";

// What Go's verifier says of the same files (chain/proof/receipt_vectors_test.go).
const { policies, receipts } = JSON.parse(readFileSync(new URL("../../../../chain/proof/testdata/receipts.json", import.meta.url)));
const pinned = parseHistory(policies.find(({ name }) => name === "pinned").text);
const receipt = (name) => receipts.find((one) => one.name === name).file;
const check = (text, history = pinned) => verifyReceipt(encode(text), history);

for (const { name, text, hash } of policies) {
  test(`by the policy ${name} the verdicts are those of the ledger's verifier`, () => {
    const history = parseHistory(text);
    assert.equal(policyHash(history.first), hash);
    for (const { name: of, file, holds } of receipts) {
      if (of === "of an owner who did not sign") continue;
      assert.equal(check(file, history).ok, holds.includes(name), of);
    }
  });
}

test("a forged receipt is refused with a code, and the step that failed", () => {
  const forged = receipts.filter(({ code }) => code);
  assert.ok(forged.length > 50);
  for (const { name, file, code } of forged) {
    const verdict = check(file);
    assert.equal(verdict.code, code, name);
    const last = verdict.steps.at(-1);
    assert.equal(last.holds, false, name);
    assert.ok(steps.includes(last.name) && last.says.length > 20, name);
    assert.ok(verdict.steps.slice(0, -1).every(({ holds }) => holds));
    assert.equal(verdict.record, undefined, name);
  }
});

test("a good receipt says what it proves, step by step", () => {
  const verdict = check(receipt("good"));
  assert.ok(verdict.ok);
  assert.deepEqual(verdict.steps.map(({ name }) => name), steps.filter((name) => name !== "asked"));
  assert.deepEqual([verdict.token, verdict.block, verdict.position, verdict.memberCount], ["aka", 7, 2, 3]);
  assert.deepEqual(verdict.signers.members.map(({ name }) => name), ["n1", "n3"]);
  assert.equal(verdict.fields.get("recipient"), "b");
  assert.match(verdict.steps[1].says, /n1, n3 of 3 members .*2 are needed/);
});

test("a receipt that holds, and is of something else than was asked for, is refused", () => {
  const good = check(receipt("good"));
  const asked = { id: good.fields.get("id"), token: "aka", chain: good.chain };
  const of = (expected) => verifyReceipt(encode(receipt("good")), pinned, expected);
  assert.deepEqual(of(asked).steps.map(({ name }) => name), steps);
  assert.ok(of(asked).ok);
  const other = "00".repeat(32);
  for (const [expected, says] of [[{ ...asked, id: other }, /another transaction: [0-9a-f]{64}, and 0{64} was/], [{ ...asked, token: "gold" }, /another contract: aka, and gold/],
    [{ ...asked, chain: other }, /another chain/], [{ ...asked, chain: "" }, /another chain/], [{ ...asked, id: undefined }, /another transaction/]]) {
    const verdict = of(expected);
    assert.deepEqual([verdict.ok, verdict.code, verdict.record, verdict.steps.at(-1).name], [false, "receipt_of_another", undefined, "asked"]);
    assert.match(verdict.steps.at(-1).says, says);
  }
});

test("what is proven is shown in the token that was signed, whatever a node says of decimals", () => {
  const verdict = check(receipt("good"));
  const node = { client: {}, token: "gold", decimals: 0, chainID: verdict.chain, link: () => "of the node" };
  const shown = asProven(node, verdict);
  const { amount_send: amount } = JSON.parse(verdict.record);
  assert.equal(shown.token, "aka");
  assert.equal(show(amount, shown.decimals), String(amount));
  assert.equal(show(12.5, shown.decimals), "12.5");
  assert.equal(shown.link(["accounts", "b"]), "#/accounts/b?contract=aka");
  assert.deepEqual([isLookedAt(node, verdict), isLookedAt({ ...node, token: "aka" }, verdict), isLookedAt({ token: "aka", chainID: "0".repeat(64) }, verdict)], [false, true, false]);
});

test("whose signature the record carries is checked where the chain is known", () => {
  assert.match(check(receipt("of an owner who signed")).steps.at(-1).says, /signed with the key/);
  const verdict = check(receipt("of an owner who did not sign"));
  assert.deepEqual([verdict.ok, verdict.code], [false, "signature_invalid"]);
});

test("whatever byte changes, a receipt is refused or proves the same", () => {
  const good = encode(receipt("signed by all, a stranger, and for the log"));
  const want = verifyReceipt(good, pinned);
  assert.ok(want.ok);
  let accepted = 0;
  // Signatures take milliseconds each: every byte above them, every seventh of theirs.
  const note = receipt("signed by all, a stranger, and for the log").indexOf("\n\n— ");
  for (let i = 0; i < good.length; i += i < note ? 1 : 7) {
    const changed = Uint8Array.from(good);
    changed[i] ^= 1;
    const verdict = verifyReceipt(changed, pinned);
    if (!verdict.ok) continue;
    accepted++;
    assert.deepEqual([verdict.record, verdict.block, verdict.chain], [want.record, want.block, want.chain]);
  }
  assert.ok(accepted > 0, "the signature of a stranger counts for nothing");
});

test("what is too large is not read", () => {
  assert.equal(verifyReceipt(new Uint8Array((64 << 10) + 1), pinned).code, "proof_too_large");
  assert.equal(verifyReceipt(Uint8Array.of(0xff, 0xfe), pinned).code, "receipt_malformed");
});

test("a policy that is none is refused", () => {
  const good = policies[0].text;
  for (const [name, text] of [
    ["empty", ""], ["a quorum of nobody", good.replace("quorum members", "quorum none")], ["a minority", good.replace("members 2", "members 1")],
    ["a member twice", good.replace("n1 n2 n3", "n1 n1 n3")], ["CR LF", good.replaceAll("\n", "\r\n")], ["a key of another id", good.replace(/\+([0-9a-f]{8})\+BM/, "+00000000+BM")],
    ["half of it", good.slice(0, good.length / 2)], ["a line that means something else", `${good}extra\n`],
    ["one key under two names", good.replace(/(witness n2 )(\S+)/, (_, head) => head + /witness n1 (\S+)/.exec(good)[1])],
  ]) {
    assert.throws(() => parseHistory(text), { name: "Refused" }, name);
  }
});
