// Canonical JSON is what Python's json.dumps(value, sort_keys=True) prints, byte for byte: what
// is hashed and signed. JSON.parse is of no use here: it forgets whether a number was written
// 1 or 1.0, takes a key twice, and keeps half a surrogate pair.
//
// Objects become a Map, numbers a Num, all else what JSON.parse makes of it.

const maxDepth = 64; // objects and arrays inside one another, as in chain/pyjson

/** Num is a number as it stands in a text. */
export class Num {
  constructor(text) {
    this.text = text;
  }

  get integer() {
    return /^-?\d+$/.test(this.text);
  }
}

/** The value of a JSON text. Throws SyntaxError where it is none, or could be read in two ways. */
export function parse(text) {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.space();
  if (reader.at < text.length) reader.fail();
  return value;
}

/** The canonical text of a value as parse returns it; plain objects and safe integers do too. */
export function canonical(value) {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return quoted(value);
  if (value instanceof Num) return number(value);
  if (Number.isSafeInteger(value)) return String(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(", ")}]`;
  const members = value instanceof Map ? [...value] : Object.entries(value);
  members.sort(([a], [b]) => byCodePoint(a, b));
  return `{${members.map(([key, member]) => `${quoted(key)}: ${canonical(member)}`).join(", ")}}`;
}

const shortEscapes = { "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" };

/** A text in quotes, in ASCII. */
export const quoted = (text) => `"${text.replace(/["\\]|[^ -~]/g, (unit) =>
  shortEscapes[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;

// An integer of any size stays as it is, any other number is its double as Python's repr has it.
function number({ text, integer }) {
  if (integer) return text === "-0" ? "0" : text;
  const double = Number(text);
  const sign = double < 0 || Object.is(double, -0) ? "-" : "";
  const [mantissa, power] = Math.abs(double).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const tail = digits.length > 1 ? `.${digits.slice(1)}` : "";
    return `${sign}${digits[0]}${tail}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

function byCodePoint(a, b) {
  const left = Array.from(a, (c) => c.codePointAt(0));
  const right = Array.from(b, (c) => c.codePointAt(0));
  for (let i = 0; i < left.length && i < right.length; i++) if (left[i] !== right[i]) return left[i] - right[i];
  return left.length - right.length;
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  fail() {
    throw new SyntaxError(`no JSON, or JSON with two meanings, at character ${this.at}`);
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "end")) this.at++;
  }

  // take goes on behind what the sticky expression matches.
  take(expression) {
    expression.lastIndex = this.at;
    const found = expression.exec(this.text);
    if (!found) this.fail();
    this.at = expression.lastIndex;
    return found[0];
  }

  value(depth) {
    this.space();
    if (depth === maxDepth && "{[".includes(this.text[this.at] ?? "end")) this.fail();
    switch (this.text[this.at]) {
      case "{": return this.object(depth);
      case "[": return this.array(depth);
      case '"': return this.string();
      case "t": case "f": case "n": return JSON.parse(this.take(/true|false|null/y));
    }
    const number = new Num(this.take(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y));
    if (!number.integer && !Number.isFinite(Number(number.text))) this.fail();
    return number;
  }

  string() {
    const text = JSON.parse(this.take(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y));
    if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text)) this.fail();
    return text;
  }

  array(depth) {
    const list = [];
    this.members("]", () => list.push(this.value(depth + 1)));
    return list;
  }

  object(depth) {
    const object = new Map();
    this.members("}", () => {
      this.space();
      const key = this.string();
      if (object.has(key)) this.fail();
      this.space();
      this.take(/:/y);
      object.set(key, this.value(depth + 1));
    });
    return object;
  }

  // members reads what stands between two brackets, separated by commas.
  members(closing, member) {
    this.at++;
    this.space();
    if (this.text[this.at] === closing) {
      this.at++;
      return;
    }
    for (;;) {
      member();
      this.space();
      if (this.take(/[,\]}]/y) === closing) return;
      if (this.text[this.at - 1] !== ",") this.fail();
    }
  }
}
