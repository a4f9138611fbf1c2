// Amounts of tokens. In JSON an amount is a number of at most 15 digits, which a double
// holds exactly; here it is a BigInt of base units, with which nothing is rounded.

// units of a JSON number, or of a text such as "12.5"; null for what is none.
export function units(amount, decimals) {
  if (typeof amount === "number") {
    if (!Number.isFinite(amount) || Math.abs(amount) >= 1e15) return null;
    amount = amount.toFixed(decimals);
  }
  if (typeof amount !== "string") return null;
  const parts = /^(-?)(\d+)(?:\.(\d*))?$/.exec(amount.trim());
  if (parts === null) return null;
  const [, sign, whole, places = ""] = parts;
  if (places.replace(/0+$/, "").length > decimals) return null;
  const value = BigInt(whole + places.slice(0, decimals).padEnd(decimals, "0"));
  return sign === "-" ? -value : value;
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

// show is text of an amount of JSON, and what it was where it is no amount.
export function show(amount, decimals) {
  const value = units(amount, decimals);
  return value === null ? String(amount ?? "–") : text(value, decimals);
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
