// What a contract's schedule means, in plain words.
import { ago, count, duration, parseDuration } from "./time.mjs";

// scheduleText says when blocks are produced.
export function scheduleText({ schedule = {}, on_request: onRequest }) {
  const every = parseDuration(schedule.every);
  const parts = [];
  if (every > 0) parts.push((every === 1 ? "every second" : `every ${duration(every)}`) + (schedule.empty === false ? ", if there is something to pack" : ", an empty one too"));
  if (schedule.transactions > 0) parts.push(`as soon as there ${schedule.transactions === 1 ? "is" : "are"} ${count(schedule.transactions, "record")}`);
  const request = onRequest ? "whenever somebody asks for one" : "";
  if (parts.length === 0) return request === "" ? "No block is ever produced by itself." : `A block is produced ${request}.`;
  return `A block is produced ${parts.join(" or ")}${parts.length > 1 ? ", whichever comes first" : ""}` + (request === "" ? "." : `, and ${request}.`);
}

// dueText says when the next block comes. info is the contract as the API shows it, now a
// time in unix seconds.
export function dueText(info, now) {
  const { schedule = {}, on_request: onRequest } = info.contract;
  const due = info.next_block_at ?? 0;
  const missing = (schedule.transactions ?? 0) - info.pending;
  const parts = [];
  if (due > 0) parts.push(due > now ? "in " + ago(due - now) : "any moment");
  if (schedule.transactions > 0) parts.push(missing > 0 ? `after ${count(missing, "more record")}` : "any moment");
  if (parts.length > 0) return parts.join(", or ");
  if (parseDuration(schedule.every) > 0) return "when there is something to pack";
  return onRequest ? "on request" : "never by itself";
}
