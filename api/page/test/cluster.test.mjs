import { test } from "node:test";
import assert from "node:assert/strict";
import * as words from "../app/cluster/words.mjs";
import { add, sample, series } from "../app/cluster/figures.mjs";
import { entries, leaderships, noEvents, sentence, since, take, takeActions } from "../app/cluster/log.mjs";
import { actionsOf, clusterOf, eventsOf, syncOf } from "../app/cluster/shape.mjs";
import { activation, asPreviewed, command, missing, quote, request } from "../app/cluster/actions.mjs";

const now = Date.parse("2027-01-15T08:00:00Z") / 1000;
const member = (more) => clusterOf({ id: "n1", health: { summary: "" }, members: [more] }).members[0];
const well = member({ id: "n1", voter: true, role: "follower", ready: true, signing: true, lag: 0, last_contact_ms: 12, clock_offset_ms: 3, commit: 9 });
const upstream = (more) => syncOf({ chains: [{ upstreams: [more] }] }).chains[0].upstreams[0];

test("the cluster as a whole", () => {
  const of = (leader, voters, healthy, majority, canLose) => words.health({ leader, health: { voters, healthy, majority, can_lose: canLose } });
  assert.deepEqual([of("n1", 3, 3, 2, 1).word, of("n1", 3, 3, 2, 1).mark], ["Healthy", "good"]);
  assert.deepEqual([of("n1", 3, 2, 2, 0).word, of("n1", 3, 2, 2, 0).mark], ["Degraded", "warn"]);
  assert.match(of("n1", 3, 2, 2, 0).more, /must not lose another/);
  assert.match(of("n1", 5, 4, 3, 1).more, /fewer members/);
  assert.equal(of("n1", 3, 1, 2, 0).mark, "bad");
  assert.equal(of("", 3, 3, 2, 1).word, "Nobody leads");
  assert.equal(of("n1", 1, 1, 1, 0).mark, "warn");
});

test("how a member is, worst first", () => {
  assert.equal(words.state(well).mark, "good");
  assert.equal(words.state({ ...well, role: "unreachable", ready: false }).word, "Does not answer");
  assert.deepEqual(words.state({ ...well, ready: false, not_ready: "no leader" }), { mark: "warn", word: "Not ready", why: "no leader" });
  assert.equal(words.state({ ...well, unfit: ["a", "b"] }).why, "a; b");
  assert.equal(words.state({ ...well, signing: false, not_signing: "it has no key" }).word, "Does not sign");
  assert.equal(words.role({ ...well, role: "leader" }), "Leader");
  assert.equal(words.role({ ...well, voter: false, waits: "it catches up" }), "Follows, without a vote yet: it catches up");
  assert.equal(words.role({ ...well, voter: false, stays: true }), "Follows, without a vote");
});

test("figures of a member", () => {
  assert.equal(words.bytes(0), "0 B");
  assert.equal(words.bytes(1023), "1023 B");
  assert.equal(words.bytes(67307147264), "62.7 GiB");
  assert.equal(words.bytes(256 * 2 ** 20), "256 MiB");
  assert.equal(words.contact(well), "12 ms ago");
  assert.equal(words.contact({ ...well, last_contact_ms: 3200 }), "3.2 s ago");
  assert.equal(words.contact({ ...well, last_contact_ms: -1 }), "Never");
  assert.equal(words.lag({ lag: 1 }).word, "1 entry");
  assert.equal(words.lag({ lag: 5000 }).mark, "warn");
  assert.equal(words.snapshot({}, now), "None yet");
  assert.equal(words.snapshot({ snapshot_index: 8192, snapshot_taken: "2027-01-15T07:48:00Z" }, now), "Up to entry 8,192, 12 min ago");
  assert.equal(words.snapshot({ snapshot_index: 8192, snapshot_taken: "soon" }, now), "Up to entry 8,192");
  assert.equal(words.writing({}).word, "It wrote nothing lately");
  assert.equal(words.writing({ log_write_p99_ms: 4.096 }).word, "4.1 ms");
  assert.deepEqual(words.writing({ log_write_p99_ms: 327.68 }), { mark: "warn", word: "328 ms: slow" });
  assert.equal(words.clockOff({ clock_offset_ms: -3 }).word, "3 ms off");
  assert.deepEqual(words.clockOff({ clock_offset_ms: -2500 }), { mark: "bad", word: "2.5 s behind" });
});

test("what runs short says so in words", () => {
  assert.equal(words.disk({}).word, "Not told");
  assert.equal(words.disk({ disk_free: 2 ** 36, disk_reserve: 2 ** 28 }).mark, "");
  assert.match(words.disk({ disk_free: 2 ** 29, disk_reserve: 2 ** 28 }).word, /512 MiB free, getting short: 256 MiB are kept free/);
  assert.equal(words.disk({ disk_free: 2 ** 27, disk_reserve: 2 ** 28, no_room: "full" }).mark, "bad");
  const left = (end) => words.certificates(member({ certificates: [{ use: "api", not_after: end }] }), now)[0];
  assert.deepEqual(left("2027-04-15T08:00:00Z"), { mark: "", word: "for clients: 90 days left" });
  assert.deepEqual(left("2027-01-16T09:00:00Z"), { mark: "warn", word: "for clients: 1 day left" });
  assert.deepEqual(left("2027-01-15T07:00:00Z"), { mark: "bad", word: "for clients: ended today" });
  assert.deepEqual(left("2027-01-12T07:00:00Z"), { mark: "bad", word: "for clients: ended 3 days ago" });
  assert.deepEqual(words.certificates(member({}), now), []);
});

test("agreement", () => {
  assert.equal(words.agreement(member({})).mark, "");
  assert.equal(words.agreement(member({ agreement: { chains: 1, compared: 0 } })).word, "Nobody to compare with yet");
  assert.equal(words.agreement(member({ agreement: { chains: 1, compared: 1, size: 1200 } })).word, "Agrees up to block 1,200");
  assert.equal(words.agreement(member({ agreement: { chains: 3, compared: 3, size: 7 } })).word, "Agrees up to block 7, and on 2 other chains");
  assert.equal(words.agreement(member({ agreement: { chains: 3, compared: 3, size: 7, differs: ["aka"] } })).mark, "bad");
});

test("a follower and its upstreams", () => {
  assert.equal(words.synced(syncOf({ chains: [{ synced: true }] }).chains[0]).word, "Up to date");
  assert.equal(words.synced(syncOf({ chains: [{ synced: true, lag: 2 }] }).chains[0]).word, "2 blocks behind");
  assert.equal(words.synced(syncOf({ chains: [{ synced: true, lag: 0, evidence: ["x"] }] }).chains[0]).mark, "bad");
  assert.equal(words.upstream(upstream({ current: true }), now).mark, "good");
  assert.equal(words.upstream(upstream({}), now).word, "In reserve");
  assert.match(words.upstream(upstream({ refused: { reason: "unreachable", detail: "d", at: "2027-01-15T07:59:00Z" } }), now).word, /unreachable 60 s ago/);
  assert.equal(words.upstream(upstream({ refused: { reason: "second_history", detail: "d", at: "2027-01-15T07:59:00Z" } }), now).mark, "bad");
  assert.match(words.upstream(upstream({ set_aside_until: "2027-01-15T08:01:00Z", refused: { reason: "invalid_block", detail: "d" } }), now).word, /Set aside/);
});

test("samples have a bound, and a rate that nobody knows is none", () => {
  const at = (t, commit, more) => sample({ members: [{ ...well, commit, ...more }, { ...well, commit: 1, lag: 4, log_write_p99_ms: 2 }, { ...well, role: "unreachable", commit: 1e9, lag: 1e9 }] }, t);
  let samples = [];
  for (const [t, commit] of [[10, 100], [11, 150], [11, 150], [13, 250], [14, 90], [15, 95], [60, 200]]) samples = add(samples, at(t, commit));
  const s = series(samples);
  assert.deepEqual(s.times, [11, 13, 14, 15, 60]);
  assert.deepEqual(s.commits, [50, 50, null, 5, null]);
  assert.deepEqual(s.lags, [4, 4, 4, 4, 4]);
  assert.deepEqual(s.writes, [2, 2, 2, 2, 2]);
  assert.deepEqual(sample({ members: [] }, 1), { at: 1, commit: 0, lag: null, write: null });
  for (let t = 100; t < 5000; t++) samples = add(samples, at(t, t));
  assert.equal(samples.length, 1200);
});

const event = (number, kind, time, more = {}) => ({ number, kind, time, text: kind, ...more });

test("events of another start take the place of all", () => {
  const page = (member, began, ...items) => ({ member, began, items });
  let log = take(noEvents, page("n1", "a", event(1, "started", "t")));
  log = take(log, page("n1", "a", event(1, "started", "t"), event(2, "leader", "t")));
  assert.deepEqual([log.items.length, log.after, log.more], [2, 2, false]);
  assert.equal(take(log, page("n1", "a")).items, log.items);
  log = take(log, page("n2", "b", event(3, "back", "t")));
  assert.deepEqual([log.items.length, log.after, log.more], [0, 0, true]);
  assert.equal(take(log, { ...page("n2", "b", event(1, "leader", "t")), next: 1 }).more, true);
  log = take(log, page("n2", "b", ...Array.from({ length: 1500 }, (_, i) => event(i + 1, "leader", "t"))));
  assert.deepEqual([log.items.length, log.after], [1000, 1500]);
});

test("events and actions are one list, the newest first", () => {
  const actions = takeActions(takeActions([], { items: [{ number: 1, time: now, who: "token", name: "ops", action: "members.remove", subject: "n3", from: "192.0.2.1:9" }] }),
    { items: [{ number: 1, time: now, who: "token", name: "ops", action: "members.remove", subject: "n3", from: "192.0.2.1:9", result: "ok" }, { number: 2, time: now + 9, who: "local", action: "level.activate", result: "level_unsupported" }] });
  const list = entries([event(1, "leader", "2027-01-15T08:00:05Z", { text: "n1 leads in term 2" }), event(2, "leaderless", "2027-01-15T08:00:06Z", { text: "no leader is known in term 2" })], actions);
  assert.deepEqual(list.map((e) => e.text), [
    "level.activate by somebody on the member's machine, refused: level_unsupported", "No leader is known in term 2", "n1 leads in term 2", "members.remove n3 by token ops from 192.0.2.1:9"]);
  assert.deepEqual(list.map((e) => e.mark), ["bad", "bad", "good", "hold"]);
  assert.match(sentence({ action: "backup", who: "root" }), /the operator's secret, and nobody noted/);
});

test("who led when", () => {
  const list = [
    event(1, "started", "2027-01-15T07:00:00Z"), event(2, "leader", "2027-01-15T07:00:01Z", { member: "n1", term: 2 }), event(3, "leaderless", "2027-01-15T07:59:00Z", { term: 2 }),
    event(4, "leader", "2027-01-15T07:59:01Z", { member: "n2", term: 3 }),
  ];
  assert.deepEqual(leaderships(list, now - 120, now), [
    { member: "n1", term: 2, from: now - 120, to: now - 60 }, { member: "", term: 2, from: now - 60, to: now - 59 }, { member: "n2", term: 3, from: now - 59, to: now }]);
  assert.deepEqual(leaderships([], now - 120, now), []);
  assert.equal(since(list, "n2", 3), now - 59);
  assert.ok(Number.isNaN(since(list, "n3", 3)));
});

test("whatever is sent, every field is of its kind, or it is no answer", () => {
  for (const said of [null, 7, "x", [], {}, { id: "n1", members: [] }, { id: 1, health: { summary: "" }, members: [] }, { id: "n1", health: { summary: "" }, members: {} }]) {
    assert.throws(() => clusterOf(said), { code: "broken" });
    assert.throws(() => eventsOf(said), { code: "broken" });
    assert.throws(() => actionsOf(said), { code: "broken" });
    assert.throws(() => syncOf(said), { code: "broken" });
  }
  const { members } = clusterOf({ id: "n1", term: "7", health: { summary: "s", voters: NaN }, members: [null, { id: {}, lag: "many", ready: "yes", unfit: [1], certificates: [null], agreement: 4 }] });
  for (const m of members) {
    for (const say of [words.state, words.role, words.contact, words.lag, words.agreement, words.disk, words.writing, words.clockOff]) assert.doesNotThrow(() => say(m));
    assert.deepEqual([m.id, m.lag, m.ready, typeof words.snapshot(m, now), words.certificates(m, now).length <= 1], ["", 0, false, "string", true]);
  }
  assert.deepEqual(eventsOf({ member: "n1", began: "b", items: [null] }).items, [{ number: 0, time: "", kind: "", term: 0, member: "", text: "" }]);
  assert.equal(entries(eventsOf({ member: "n1", began: "b", items: [{ number: 1 }] }).items, actionsOf({ items: [{ number: "1" }] }).items).length, 2);
  for (const c of syncOf({ chains: [null, { upstreams: [null], refusals: { x: "y" } }] }).chains) {
    assert.doesNotThrow(() => words.synced(c));
    for (const u of c.upstreams) assert.doesNotThrow(() => words.upstream(u, now));
  }
});

test("what is done is what was previewed, and not what is newest by then", () => {
  const shown = asPreviewed({ level: "" }, { level: 3, before: 2, dry_run: true });
  assert.equal(request("activate", shown).body, `{"level":3}`);
  assert.match(command("activate", shown, { server: "http://n1" }), /^bpsc cluster activate 3 /);
  assert.deepEqual(asPreviewed({ id: "n3" }, { index: 9, steps: [] }), { id: "n3" });
});

test("what is sent", () => {
  const sent = (...asked) => { const r = request(...asked); return [r.method, r.path, r.body ?? ""].join(" "); };
  assert.equal(sent("transfer-leader", {}, { at: 7 }), `POST /v1/cluster:transfer-leader {"at":7}`);
  assert.equal(sent("transfer-leader", { to: "n2" }, { dry: true }), `POST /v1/cluster:transfer-leader {"to":"n2","dry_run":true}`);
  assert.equal(sent("add", { id: " n4 ", raft: "h:1", non_voter: true, two_voters: false }, { at: 7 }), `POST /v1/cluster/members {"id":"n4","raft":"h:1","non_voter":true,"at":7}`);
  assert.equal(sent("remove", { id: "n/3", two_voters: true }, { at: 7 }), `POST /v1/cluster/members/n%2F3:remove {"two_voters":true,"at":7}`);
  assert.equal(sent("replace", { id: "n3", raft: "" }, { at: 7 }), `POST /v1/cluster/members/n3:replace?wait=20s {"at":7}`);
  assert.equal(sent("replace", { id: "n3" }, { dry: true }), `POST /v1/cluster/members/n3:replace {"dry_run":true}`);
  assert.equal(sent("activate", { level: "2" }, { at: 7 }), `POST /v1/cluster:activate {"level":2}`);
  assert.equal(sent("activate", { level: "" }, { dry: true }), `POST /v1/cluster:activate {"dry_run":true}`);
  assert.equal(sent("revoke", { token: "0102" }, { at: 7 }), "DELETE /v1/tokens/0102 ");
  assert.equal(sent("drop", { node: "h:1" }), "DELETE /v1/nodes/h%3A1 ");
  assert.equal(missing("add", { id: "n4" }), "Host and port of its Raft transport");
  assert.equal(missing("transfer-leader", {}), undefined);
});

test("the command that does the same", () => {
  const at = { server: "http://127.0.0.1:5000", at: 7 };
  assert.equal(command("transfer-leader", { to: "n2" }, at), "bpsc cluster transfer-leader n2 --at 7 --server http://127.0.0.1:5000");
  assert.equal(command("transfer-leader", {}, { ...at, at: 0, token: true }), "bpsc cluster transfer-leader --server http://127.0.0.1:5000 --token-file operator.token");
  assert.equal(command("add", { id: "n4", raft: "h:1", non_voter: true, two_voters: true }, at), "bpsc cluster add n4 h:1 --non-voter --two-voters --at 7 --server http://127.0.0.1:5000");
  assert.equal(command("remove", {}, at), "bpsc cluster remove ID --at 7 --server http://127.0.0.1:5000");
  assert.equal(command("activate", { level: "2", two_voters: true }, at), "bpsc cluster activate 2 --server http://127.0.0.1:5000");
  assert.equal(command("revoke", { token: "$(reboot)" }, at), "bpsc token revoke '$(reboot)' --server http://127.0.0.1:5000");
  assert.equal(command("drop", { node: "h:1" }, { ...at, token: true }), `curl -X DELETE -H "Authorization: Bearer $(cat operator.token)" http://127.0.0.1:5000/v1/nodes/h%3A1`);
  assert.equal(quote("it's"), `'it'\\''s'`);
  assert.equal(quote(""), "''");
});

test("what an activation comes to", () => {
  assert.match(activation({ before: 2, level: 2, release: "0.2.0", dry_run: true }), /nothing changes/);
  assert.match(activation({ before: 1, level: 2, release: "0.2.0", dry_run: true }), /would follow/);
  assert.match(activation({ before: 1, level: 2, release: "0.2.0", dry_run: false }), /is active, after/);
});
