// Times and how long ago they are.

// ago says how long something is past, in the largest unit that fits: "12 s", "3 min".
export function ago(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.max(0, seconds);
  if (s < 10) return s.toFixed(1) + " s";
  if (s < 120) return Math.floor(s) + " s";
  if (s < 7200) return Math.floor(s / 60) + " min";
  if (s < 172800) return Math.floor(s / 3600) + " h";
  return Math.floor(s / 86400) + " days";
}

// Made once: to make one takes longer than all else that a row of a table does, and a page has
// dozens of rows, several times a second.
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

// clock is a time in unix seconds where the reader is.
export function clock(seconds) {
  const at = new Date(seconds * 1000);
  return Number.isNaN(at.getTime()) ? "–" : date.format(at) + ", " + time.format(at);
}

// iso is the same for everybody.
export function iso(seconds) {
  const at = new Date(seconds * 1000);
  return Number.isNaN(at.getTime()) ? "" : at.toISOString();
}

// parseDuration is a duration in seconds: a number of them, as the API has it, or one of
// Go's texts, such as "1m30s"; NaN for what is none.
export function parseDuration(text) {
  const unit = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, "µs": 1e-6, ns: 1e-9 };
  if (typeof text === "number") return text;
  if (typeof text !== "string" || !/^(\d+(\.\d+)?(h|m|s|ms|us|µs|ns))+$/.test(text)) return NaN;
  let sum = 0;
  for (const [, number, name] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/g)) sum += Number(number) * unit[name];
  return sum;
}

// duration says how long something takes: "a second", "90 seconds", "2 hours".
export function duration(seconds) {
  for (const [name, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (seconds >= length && seconds % length === 0) return count(seconds / length, name);
  }
  return seconds < 1 ? seconds * 1000 + " milliseconds" : count(seconds, "second");
}

// count is "1 block", "2 blocks", "12,345 blocks".
export function count(n, word, plural = word + "s") {
  return Number(n).toLocaleString("en-US") + " " + (Number(n) === 1 ? word : plural);
}
