import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { follow, handoversOf, newestOf, numberOf, parseHistory, policyFor } from "../../app/proof/history.mjs";
import { coreOf, policyHash } from "../../app/proof/policy.mjs";

const file = readFileSync(new URL("../../../../chain/proof/testdata/history.txt", import.meta.url), "utf8");
const { policies } = JSON.parse(readFileSync(new URL("../../../../chain/proof/testdata/receipts.json", import.meta.url)));
const origin = "bpsc/aka/0100000000000000";
const names = (policy) => policy.members.map(({ name }) => name).join(" ");

test("each policy judges its own sizes", () => {
  const history = parseHistory(file);
  assert.equal(numberOf(history), 3);
  for (const [size, members] of [[1, "n1 n2 n3"], [10, "n1 n2 n3"], [11, "n2 n3 n4"], [20, "n2 n3 n4"], [21, "n3 n4 n5"]]) {
    assert.equal(names(policyFor(history, origin, size)), members, `${size} blocks`);
  }
});

test("a policy that was pinned grows by what the members before signed", () => {
  const first = parseHistory(file.slice(0, file.indexOf("\nbpsc/handover/v1")));
  const grown = follow(first, file);
  assert.equal(names(newestOf(grown)), "n3 n4 n5");
  assert.deepEqual(handoversOf(follow(grown, file)), handoversOf(grown), "what is known already changes nothing");
  assert.equal(parseHistory([coreOf(first.first), ...handoversOf(grown)].join("\n")).steps.length, 2);
});

test("a handover that the members before did not sign, or that comes after another policy, is refused", () => {
  for (const [name, text, code] of [
    ["a signature is another", file.replace("kiqO9gAAAABrSdIAJ", "kiqO9gAAAABrSdIAK"), "cosignature_wrong"],
    ["one signature is missing", file.replace(/— bpsc\/test\/n1 .*\n/, ""), "handover_minority"],
    ["the first is missing", file.replace(/bpsc\/handover\/v1\nnumber 2[^]*?\nbpsc\/handover/, "bpsc/handover"), "handover_out_of_order"],
    ["its end is another", file.replace(/ 10\n/, " 12\n"), "cosignature_wrong"],
    ["it has a line more", file.replace("number 2\n", "number 2\n\n"), "note_trailing_bytes"],
  ]) {
    assert.notEqual(text, file, name);
    assert.throws(() => parseHistory(text), { code }, name);
  }
});

test("a recovery stops a history until somebody accepts it", () => {
  const { text } = policies.find(({ name }) => name === "after a recovery");
  const stopped = parseHistory(text);
  const at = [...stopped.recovery.ends][0][0];
  assert.throws(() => policyFor(stopped, at, 9), { code: "recovery_not_accepted" });
  assert.equal(policyHash(policyFor(stopped, at, 8)), policyHash(stopped.first));
  const accepted = parseHistory(text, [stopped.recovery.hash]);
  assert.equal(accepted.recovery, null);
  assert.notEqual(policyHash(policyFor(accepted, at, 9)), policyHash(accepted.first));
});
