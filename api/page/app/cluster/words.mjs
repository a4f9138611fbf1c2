// What the cluster says of its members, in words. Every word that is good or bad has a
// mark besides, "good", "warn", "bad" or "", which gives it its colour and no more.
import { ago, count } from "../time.mjs";

const slowWrite = 100; // ms; writes that take longer delay every transaction
const shortCertificate = 14; // days
const scarceDisk = 4; // times the reserve

// seconds is a time of the API, RFC 3339, in unix seconds; NaN for what is none.
export function seconds(text) {
  return typeof text === "string" ? Date.parse(text) / 1000 : NaN;
}

// bytes is "49.1 GiB".
export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return (i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)) + " " + units[i];
}

// health is how the cluster is as a whole.
export function health(cluster) {
  const { voters, healthy, majority, can_lose: canLose } = cluster.health;
  if (cluster.leader === "") return { mark: "bad", word: "Nobody leads", more: "Nothing can be written until a majority of the voters has elected a leader." };
  if (healthy < majority) return { mark: "bad", word: "No majority", more: "Nothing can be written until enough of the voters are back." };
  if (healthy < voters) return { mark: "warn", word: "Degraded", more: canLose > 0 ? "It goes on, and could lose fewer members than it should." : "It goes on, and must not lose another member." };
  if (canLose === 0) return { mark: "warn", word: "Healthy, none to spare", more: "Three voters survive the loss of one." };
  return { mark: "good", word: "Healthy", more: `A majority of ${majority} is needed to write.` };
}

// state is how a member is, and why where that is not well.
export function state(m) {
  if (m.role === "unreachable") return { mark: "bad", word: "Does not answer", why: "" };
  if (!m.ready) return { mark: "warn", word: "Not ready", why: m.not_ready };
  if (m.unfit.length > 0) return { mark: "warn", word: "Must not lead", why: m.unfit.join("; ") };
  if (!m.signing) return { mark: "warn", word: "Does not sign", why: m.not_signing };
  return { mark: "good", word: "Healthy", why: "" };
}

const roles = { leader: "Leader", follower: "Follows", candidate: "Stands for election", unreachable: "Not heard" };

// role is what a member does, and whether it votes.
export function role(m) {
  const does = roles[m.role] ?? m.role;
  if (m.voter) return does;
  if (m.stays) return does + ", without a vote";
  return does + ", without a vote yet" + (m.waits ? ": " + m.waits : "");
}

// contact is when a member last heard the leader.
export function contact(m) {
  if (m.role === "leader") return "It leads";
  if (m.last_contact_ms < 0) return "Never";
  return m.last_contact_ms < 1000 ? m.last_contact_ms + " ms ago" : ago(m.last_contact_ms / 1000) + " ago";
}

// lag is what a member has to apply to be where the leader is.
export function lag(m) {
  return m.lag === 0 ? { mark: "", word: "None" } : { mark: m.lag > 1000 ? "warn" : "", word: count(m.lag, "entry", "entries") };
}

// snapshot is a member's newest one.
export function snapshot(m, now) {
  if (!m.snapshot_index) return "None yet";
  const taken = seconds(m.snapshot_taken);
  return "Up to entry " + m.snapshot_index.toLocaleString("en-US") + (Number.isFinite(taken) ? ", " + ago(Math.max(0, now - taken)).replace(".0", "") + " ago" : "");
}

// agreement is whether a member's state is that of the others.
export function agreement(m) {
  const a = m.agreement;
  if (a === undefined) return { mark: "", word: "It has told nothing of its state" };
  if (a.differs.length > 0) return { mark: "bad", word: "Differs from the others on " + a.differs.join(", ") };
  if (a.compared === 0) return { mark: "", word: "Nobody to compare with yet" };
  if (!a.size) return { mark: "good", word: "Agrees on " + count(a.compared, "chain") };
  const more = a.compared > 1 ? `, and on ${count(a.compared - 1, "other chain")}` : "";
  return { mark: "good", word: "Agrees up to block " + a.size.toLocaleString("en-US") + more };
}

// disk is how much room a member has.
export function disk(m) {
  if (!m.disk_free) return { mark: "", word: "Not told" };
  const free = bytes(m.disk_free) + " free";
  if (m.no_room) return { mark: "bad", word: free + ": too little, it takes no writes" };
  if (m.disk_reserve && m.disk_free < scarceDisk * m.disk_reserve) return { mark: "warn", word: `${free}, getting short: ${bytes(m.disk_reserve)} are kept free` };
  return { mark: "", word: free };
}

// writing is the 99th percentile of the time that writes to the log take.
export function writing(m) {
  const ms = m.log_write_p99_ms;
  if (!ms) return { mark: "", word: "It wrote nothing lately" };
  const word = (ms < 10 ? ms.toFixed(1) : Math.round(ms)) + " ms";
  return ms > slowWrite ? { mark: "warn", word: word + ": slow" } : { mark: "", word };
}

const uses = { api: "for clients", member: "among members" };

// certificates are those that a member shows, and how long they last.
export function certificates(m, now) {
  return m.certificates.map(({ use, not_after: end }) => {
    const days = Math.floor((seconds(end) - now) / 86400);
    const whose = uses[use] ?? use;
    if (!Number.isFinite(days)) return { mark: "", word: whose + ": no end told" };
    if (days < 0) return { mark: "bad", word: `${whose}: ended ${days === -1 ? "today" : count(-days - 1, "day") + " ago"}` };
    return { mark: days < shortCertificate ? "warn" : "", word: `${whose}: ${count(days, "day")} left` };
  });
}

// clockOff is what a member's clock shows beside that of a majority; nothing where that
// does no harm.
export function clockOff(m) {
  const ms = m.clock_offset_ms;
  if (Math.abs(ms) < 100) return { mark: "", word: Math.abs(ms) + " ms off" };
  const word = `${Math.abs(ms) < 1000 ? Math.abs(ms) + " ms" : (Math.abs(ms) / 1000).toFixed(1) + " s"} ${ms > 0 ? "ahead" : "behind"}`;
  return { mark: Math.abs(ms) > 1000 ? "bad" : "warn", word };
}

// upstream is how a follower finds one of those that it copies from.
export function upstream(u, now) {
  const aside = seconds(u.set_aside_until);
  const lies = ["second_history", "invalid_block", "checkpoint_contradicts", "other_chain"];
  if (aside > now) return { mark: "bad", word: `Set aside for another ${ago(aside - now)}`, why: u.refused.detail };
  if (u.current) return { mark: "good", word: "Copied from now", why: "" };
  if (lies.includes(u.refused.reason)) return { mark: "bad", word: "Refused: " + u.refused.reason.replaceAll("_", " "), why: u.refused.detail };
  if (u.refused.reason) return { mark: "warn", word: u.refused.reason.replaceAll("_", " ") + " " + ago(Math.max(0, now - seconds(u.refused.at))).replace(".0", "") + " ago", why: u.refused.detail };
  return { mark: "", word: "In reserve", why: "" };
}

// synced is how far a follower's copy of a chain is.
export function synced(c) {
  if (c.recovery) return { mark: "bad", word: "Waits for somebody to accept a recovery" };
  if (c.evidence.length > 0) return { mark: "bad", word: "Has evidence of a lie" };
  if (!c.synced) return { mark: "warn", word: "Copies for the first time" };
  return c.lag > 0 ? { mark: "warn", word: count(c.lag, "block") + " behind" } : { mark: "good", word: "Up to date" };
}
