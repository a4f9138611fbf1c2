import assert from "node:assert/strict";
import test from "node:test";

import { Pins, asFile, fingerprint } from "../../app/proof/pins.mjs";
import { Watch } from "../../app/proof/watch.mjs";
import { policyHash } from "../../app/proof/policy.mjs";
import { parseHistory } from "../../app/proof/history.mjs";
import { lasting } from "../../app/storage.mjs";
import { Storage, chainID, checkpointOf, leavesOf, nodeWith, origin, policyText, signed } from "./world.mjs";

const browser = (storage = new Storage()) => {
  const pins = new Pins(storage);
  return { storage, pins, watch: new Watch({ storage, pins, now: () => 1000 }) };
};

test("a log that grows is well, also after the page was loaded anew", async () => {
  const { storage, watch } = browser();
  assert.equal((await watch.look("aka", nodeWith(leavesOf(3)))).state, "first");
  assert.equal((await watch.look("aka", nodeWith(leavesOf(3)))).state, "extends");
  assert.equal((await watch.look("aka", nodeWith(leavesOf(300)))).state, "extends");
  assert.equal((await browser(storage).watch.look("aka", nodeWith(leavesOf(301)))).state, "extends");
  assert.equal(watch.alarm("aka"), null);
});

test("a log that does not begin with what was seen raises the alarm, until it is forgotten", async () => {
  for (const [name, leaves] of [["longer", leavesOf(400, "b", 100)], ["as long", leavesOf(300, "b", 299)]]) {
    const { storage, watch } = browser();
    await watch.look("aka", nodeWith(leavesOf(300)));
    const result = await watch.look("aka", nodeWith(leaves), "http://n2");
    assert.deepEqual([result.state, result.code, result.node], ["alarm", "log_inconsistent", "http://n2"], name);
    const evidence = JSON.parse(result.evidence);
    assert.deepEqual([evidence.format, evidence.a, evidence.b], ["bpsc/evidence/v1", checkpointOf(leavesOf(300)), checkpointOf(leaves)]);
    // What was seen stays: the honest node is well, and the alarm stays as well.
    assert.equal((await watch.look("aka", nodeWith(leavesOf(500)))).state, "extends");
    const again = browser(storage).watch;
    assert.equal(again.alarm("aka").code, "log_inconsistent");
    again.forget("aka");
    assert.equal(again.alarm("aka"), null);
    assert.equal((await again.look("aka", nodeWith(leaves))).state, "first");
  }
});

test("a chain that does not hold together is remembered until it is forgotten", async () => {
  const { storage, watch } = browser();
  watch.sawBreak("aka", 8, "http://n2");
  await watch.look("aka", nodeWith(leavesOf(9)));
  const again = browser(storage).watch;
  assert.deepEqual([again.alarm("aka").code, again.alarm("aka").node, again.alarm("gold")], ["chain_broken", "http://n2", null]);
  assert.match(again.alarm("aka").says, /block 8 /);
  again.forget("aka");
  assert.equal(again.alarm("aka"), null);
});

test("what the storage does not take is known until the page is closed", async () => {
  for (const kept of [new Storage(), null]) {
    const { pins, watch } = browser(lasting(kept));
    await watch.look("aka", nodeWith(leavesOf(3)));
    const take = kept?.setItem;
    if (kept) kept.setItem = () => { throw new Error("the quota is exceeded"); };
    await watch.look("aka", nodeWith(leavesOf(300)));
    assert.equal((await watch.look("aka", nodeWith(leavesOf(400, "b", 100)))).code, "log_inconsistent", "by the newest that was seen");
    watch.sawBreak("gold", 8);
    assert.deepEqual([watch.alarm("aka")?.code, watch.alarm("gold")?.code], ["log_inconsistent", "chain_broken"]);
    watch.forget("gold");
    assert.equal(watch.alarm("gold"), null);
    assert.equal(pins.pin(policyText([1, 2, 3])), pins.list()[0]);
    if (!kept) continue;
    kept.setItem = take;
    watch.sawBreak("gold", 9);
    assert.deepEqual(Object.keys(JSON.parse(kept.getItem("bpsc.alarm"))), ["aka", "gold"], "and is kept once there is room");
    browser(kept).watch.forget("aka");
    assert.equal(watch.alarm("aka"), null, "another page's word counts");
  }
});

test("another chain of the same name raises the alarm", async () => {
  const { watch } = browser();
  await watch.look("aka", nodeWith(leavesOf(3)));
  const result = await watch.look("aka", nodeWith(leavesOf(9, "b"), { of: "bpsc/aka/0123456789abcdef" }));
  assert.equal(result.code, "another_chain");
  assert.equal((await watch.look("gold", nodeWith(leavesOf(3)))).code, "checkpoint_wrong_origin");
});

test("a node that is behind is no liar while it has the same blocks", async () => {
  const { watch } = browser();
  await watch.look("aka", nodeWith(leavesOf(300)));
  assert.equal((await watch.look("aka", nodeWith(leavesOf(300), { shown: 200 }))).state, "behind");
  const short = await watch.look("aka", nodeWith(leavesOf(200)));
  assert.equal(short.state, "behind");
  assert.match(short.says, /200 blocks, and this browser has seen one of 300/);
  assert.equal(watch.alarm("aka"), null);
  assert.equal((await watch.look("aka", nodeWith(leavesOf(300, "b", 100), { shown: 200 }))).code, "tile_mismatch");
});

test("who cannot be asked is not accused", async () => {
  const { watch } = browser();
  const gone = async () => { throw Object.assign(new Error("unreachable"), { code: "unreachable" }); };
  await assert.rejects(watch.look("aka", gone), { code: "unreachable" });
  assert.equal(watch.alarm("aka"), null);
  const none = async () => { throw Object.assign(new Error("none yet"), { code: "not_found" }); };
  assert.equal((await watch.look("aka", none)).state, "none");
});

test("by a policy that is pinned, others may sign what they like", async () => {
  const { pins, watch } = browser();
  pins.pin(policyText());
  assert.equal((await watch.look("aka", nodeWith(leavesOf(3)))).state, "first");
  assert.equal((await watch.look("aka", nodeWith(leavesOf(4), { numbers: [1], policies: policyText() }))).code, "checkpoint_minority");
  assert.equal((await watch.look("aka", nodeWith(leavesOf(4), { numbers: [4, 5], policies: policyText([4, 5, 6]) }))).code, "checkpoint_minority");
  assert.equal(watch.seen("aka").note, checkpointOf(leavesOf(3)));
  const other = browser();
  other.pins.pin(policyText([1, 2, 3], `log aka ${"cd".repeat(32)}\n`));
  assert.equal((await other.watch.look("aka", nodeWith(leavesOf(3)))).code, "checkpoint_wrong_origin");
});

// The text of a handover from one to another set of members after so many blocks.
function handover(number, from, to, end) {
  const before = policyHash(parseHistory(policyText(from)).first);
  return signed(`bpsc/handover/v1\nnumber ${number}\nbefore ${before}\nend aka ${chainID} ${end}\n${policyText(to)}`, from.slice(0, 2));
}

test("new members are believed once the old ones have signed for them", async () => {
  const { storage, pins, watch } = browser();
  const { hash } = pins.pin(policyText());
  const policies = `${policyText()}\n${handover(2, [1, 2, 3], [2, 3, 4], 3)}`;
  assert.equal((await watch.look("aka", nodeWith(leavesOf(5), { numbers: [3, 4], policies }))).state, "first");
  const later = browser(storage);
  assert.equal(later.pins.list()[0].hash, hash, "the hash that people compare stays");
  assert.equal(later.pins.history(later.pins.list()[0]).steps.length, 1);
  const asks = nodeWith(leavesOf(6), { numbers: [3, 4], policies: "" });
  assert.equal((await later.watch.look("aka", asks)).state, "extends");
  assert.ok(!asks.asked.some((path) => path.includes("policies")), "what was learned is kept");
  // The next change comes from a server that knows the whole history, or only what is new.
  const next = handover(3, [2, 3, 4], [3, 4, 5], 6);
  assert.equal((await later.watch.look("aka", nodeWith(leavesOf(8), { numbers: [4, 5], policies: `${policies}\n${next}` }))).state, "extends");
  assert.equal(browser(storage).pins.history(later.pins.list()[0]).steps.length, 2);
});

test("a policy takes the place of one for the same chains, and no other", () => {
  const { storage, pins } = browser();
  const general = pins.pin(policyText().trimEnd());
  assert.equal(general.hash, fingerprint(asFile(policyText())));
  const own = pins.pin(policyText([1, 2, 4], `log aka ${chainID}\n`));
  assert.equal(pins.list().length, 2);
  assert.equal(pins.find(origin).hash, own.hash);
  assert.equal(pins.find("bpsc/gold/0123456789abcdef").hash, general.hash);
  pins.pin(policyText([4, 5, 6]));
  assert.equal(pins.list().length, 2);
  pins.drop(own.hash);
  assert.equal(new Pins(storage).find(origin).text, policyText([4, 5, 6]));
  assert.throws(() => pins.pin("hello"), { name: "Refused" });
});

test("what a storage holds may be anything", () => {
  for (const text of ["", "{", "null", "7", '[{"text": "x"}]', '[null]', `[{"text": ${JSON.stringify(policyText())}, "hash": "00", "handovers": [], "accepted": []}]`]) {
    const storage = new Storage();
    storage.setItem("bpsc.policies", text);
    assert.deepEqual(new Pins(storage).list(), [], text);
  }
  const full = { getItem() { throw new Error("no"); }, setItem() { throw new Error("no"); } };
  const pins = new Pins(lasting(full));
  pins.pin(policyText());
  assert.equal(pins.list().length, 1, "until the page is closed");
});
