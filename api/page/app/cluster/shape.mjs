// What the API says of the cluster, as the page takes it: every field there and of its
// kind, whoever sent it. What lacks what nothing can be said without is no answer.
import { Problem } from "../api.mjs";

const text = (value) => (typeof value === "string" ? value : "");
const number = (value) => (Number.isFinite(value) ? value : 0);
const list = (value) => (Array.isArray(value) ? value : []);
const object = (value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});

function demand(ok) {
  if (!ok) throw new Problem("The server's answer is none to what it was asked", { code: "broken" });
}

// clusterOf is an answer of /v1/cluster.
export function clusterOf(said) {
  const { id, leader, term, configuration, health, members } = object(said);
  demand(typeof id === "string" && Array.isArray(members) && typeof health?.summary === "string");
  const { summary, voters, healthy, majority, can_lose: canLose } = health;
  return {
    id, leader: text(leader), term: number(term), configuration: number(configuration),
    health: { summary, voters: number(voters), healthy: number(healthy), majority: number(majority), can_lose: number(canLose) },
    members: members.map(memberOf),
  };
}

const texts = ["id", "instance", "raft", "api", "role", "waits", "version", "no_room", "not_ready", "not_signing", "began", "snapshot_taken"];
const numbers = ["applied", "commit", "lag", "last_contact_ms", "clock_offset_ms", "level_supported", "level_active", "disk_free", "disk_reserve", "snapshot_index", "log_write_p99_ms"];
const flags = ["voter", "stays", "replacing", "ready", "signing"];

function memberOf(said) {
  const m = object(said), taken = {};
  for (const name of texts) taken[name] = text(m[name]);
  for (const name of numbers) taken[name] = number(m[name]);
  for (const name of flags) taken[name] = m[name] === true;
  taken.unfit = list(m.unfit).map(text);
  taken.certificates = list(m.certificates).map(object).map((c) => ({ use: text(c.use), not_after: text(c.not_after) }));
  const a = m.agreement;
  taken.agreement = a === undefined ? undefined : { compared: number(object(a).compared), size: number(object(a).size), differs: list(object(a).differs).map(text) };
  return taken;
}

// eventsOf is a page of /v1/cluster/events.
export function eventsOf(said) {
  const { member, began, items, next } = object(said);
  demand(typeof member === "string" && typeof began === "string" && Array.isArray(items));
  return {
    member, began, next: number(next),
    items: items.map(object).map((e) => ({ number: number(e.number), time: text(e.time), kind: text(e.kind), term: number(e.term), member: text(e.member), text: text(e.text) })),
  };
}

// actionsOf is a page of /v1/audit.
export function actionsOf(said) {
  const { items, next } = object(said);
  demand(Array.isArray(items));
  const named = ["who", "token", "name", "action", "subject", "from", "result"];
  return { next: number(next), items: items.map(object).map((a) => ({ number: number(a.number), time: number(a.time), ...Object.fromEntries(named.map((name) => [name, text(a[name])])) })) };
}

// syncOf is an answer of /v1/sync.
export function syncOf(said) {
  const { chains } = object(said);
  demand(Array.isArray(chains));
  return {
    chains: chains.map(object).map((c) => ({
      contract: text(c.contract), length: number(c.length), upstream_length: number(c.upstream_length), lag: number(c.lag), synced: c.synced === true,
      last_contact: text(c.last_contact), checkpoint_size: number(c.checkpoint_size), signers: list(c.signers).map(text), evidence: list(c.evidence).map(text),
      recovery: Boolean(c.recovery), refusals: Object.entries(object(c.refusals)).map(([why, n]) => [why, number(n)]),
      upstreams: list(c.upstreams).map(object).map((u) => ({
        url: text(u.url), current: u.current === true, length: number(u.length), set_aside_until: text(u.set_aside_until),
        refused: { reason: text(u.refused?.reason), detail: text(u.refused?.detail), at: text(u.refused?.at) },
      })),
    })),
  };
}
