// What happened to the cluster: the events that a member remembers, and what operators
// did. Each member has events of its own, with numbers of its own.
import { seconds } from "./words.mjs";

const kept = 1000; // of each

// noEvents is a log to begin with. after is the number of the newest, behind which to ask
// for more; more: there are some already.
export const noEvents = { member: "", began: "", items: [], after: 0, more: true };

// take adds a page of events, asked for behind log.after, to those that are here. Those of
// another member, or of another start of the same, take the place of all, and are to be
// read from the first.
export function take(log, page) {
  const { member, began } = page;
  const same = log.member === member && log.began === began;
  if (!same && log.after > 0) return { ...noEvents, member, began };
  const items = page.items.filter((e) => e.number > log.after);
  const all = items.length > 0 ? [...log.items, ...items].slice(-kept) : log.items;
  return { member, began, items: all, after: all.at(-1)?.number ?? 0, more: Boolean(page.next) && items.length > 0 };
}

// takeActions does the same with a page of the audit log, in which an entry may have
// ended since it was here last.
export function takeActions(actions, page) {
  const of = new Map(actions.map((a) => [a.number, a]));
  for (const a of page.items) of.set(a.number, a);
  return [...of.values()].sort((a, b) => a.number - b.number).slice(-kept);
}

const marks = { leader: "good", leaderless: "bad", unreachable: "bad", back: "good", added: "good", promoted: "good", removed: "warn", demoted: "warn" };
const names = {
  started: "Start", election: "Election", leader: "Leader", leaderless: "No leader", added: "Joined", promoted: "Promoted", demoted: "Demoted",
  moved: "Moved", removed: "Removed", unreachable: "Silent", back: "Back", snapshot: "Snapshot", installed: "Snapshot", level: "Level",
};

// entries puts both into one list, the newest first: { key, at, name, mark, text }.
export function entries(events, actions) {
  const all = events.map((e) => ({ key: "e" + e.number, at: seconds(e.time), name: names[e.kind] ?? e.kind, mark: marks[e.kind] ?? "", text: capital(e.text) }));
  for (const a of actions) all.push({ key: "a" + a.number, at: a.time, name: "Operator", mark: !a.result || a.result === "ok" ? "hold" : "bad", text: sentence(a) });
  return all.sort((a, b) => b.at - a.at);
}

function capital(text) {
  return text.startsWith("no ") || text.startsWith("level ") ? text[0].toUpperCase() + text.slice(1) : text; // else it begins with an id
}

// sentence says who did what, and how it ended.
export function sentence(a) {
  const who = a.who === "token" ? `token ${a.name || a.token}` : a.who === "root" ? "the operator's secret" : "somebody on the member's machine";
  const end = a.result === "ok" ? "" : a.result ? `, refused: ${a.result}` : ", and nobody noted how it ended";
  return `${a.action}${a.subject ? " " + a.subject : ""} by ${who}${a.from ? " from " + a.from : ""}${end}`;
}

// leaderships are who led when between two times, by the events of one member, in order:
// { member, term, from, to }. member "" is nobody that it knew. What was before its first
// event nobody knows here.
export function leaderships(events, from, to) {
  const turns = [];
  for (const e of events) {
    if (e.kind !== "leader" && e.kind !== "leaderless") continue;
    const at = seconds(e.time);
    const last = turns.at(-1);
    if (last !== undefined) last.to = at;
    const member = e.kind === "leader" ? e.member : "";
    if (last !== undefined && last.member === member && last.term === e.term) last.to = to;
    else turns.push({ member, term: e.term, from: at, to });
  }
  return turns.filter((t) => t.to > from).map((t) => ({ ...t, from: Math.max(t.from, from), to: Math.min(t.to, to) }));
}

// since is when the present leader was learned of; nothing where the events do not say.
export function since(events, leader, term) {
  return seconds(events.findLast((e) => e.kind === "leader" && e.member === leader && e.term === term)?.time);
}
