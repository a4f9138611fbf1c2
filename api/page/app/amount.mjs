// Amounts of tokens. In JSON an amount is a number of at most 15 digits, which a double
// holds exactly; here it is a BigInt of base units, with which nothing is rounded.

// units of a JSON number, or of a text such as "12.5"; null for what is none, and for what
// has more places than there are decimals.
export function units(amount, decimals) {
  const number = exact(amount);
  if (number === null) return null;
  const missing = decimals - number.places;
  if (missing >= 0) return number.value * 10n ** BigInt(missing);
  const rest = 10n ** BigInt(-missing);
  return number.value % rest === 0n ? number.value / rest : null;
}

// exact takes a decimal number as value / 10^places; null for what is none. A double is the
// shortest decimal number that it is nearest to, which for 15 digits is the one of the JSON.
function exact(amount) {
  const double = typeof amount === "number";
  if (double ? !(Math.abs(amount) < 1e15) : typeof amount !== "string") return null;
  const parts = /^(-?\d+)(?:\.(\d*))?(?:e-(\d+))?$/.exec(String(amount).trim());
  if (parts === null || (!double && parts[3] !== undefined)) return null;
  const [, whole, places = "", power = "0"] = parts;
  return { value: BigInt(whole + places), places: places.length + Number(power) };
}

// text of base units as people read them: digits in threes, and no places that are 0.
export function text(value, decimals) {
  const { sign, whole, places } = split(value, decimals);
  const threes = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const rest = places.replace(/0+$/, "");
  return sign + threes + (rest === "" ? "" : "." + rest);
}

// plain of base units as programs read them: for CSV and for forms.
export function plain(value, decimals) {
  const { sign, whole, places } = split(value, decimals);
  const rest = places.replace(/0+$/, "");
  return (sign === "" ? "" : "-") + whole + (rest === "" ? "" : "." + rest);
}

// show is text of an amount of JSON, and what it was where it is no amount. Without
// decimals it has the places that it was written with.
export function show(amount, decimals = exact(amount)?.places) {
  const value = decimals === undefined ? null : units(amount, decimals);
  return value === null ? String(amount ?? "–") : text(value, decimals);
}

// written is plain of an amount of JSON, and what it was where it is no amount.
export function written(amount, decimals) {
  const value = units(amount, decimals);
  return value === null ? String(amount ?? "") : plain(value, decimals);
}

// split takes base units apart; the sign is that of typography.
function split(value, decimals) {
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  return {
    sign: value < 0n ? "\u2212" : "",
    whole: digits.slice(0, digits.length - decimals),
    places: digits.slice(digits.length - decimals),
  };
}
