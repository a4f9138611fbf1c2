// Where the page is: what stands behind # in its address. Pages have the paths and the
// parameters of what they show in the API: #/blocks/7?contract=gold is /v1/blocks/7?contract=gold.
// No server sees that part of an address, and none has it in its log.

// parse returns { parts, query } of a location's hash. Parts are decoded; what cannot be
// is left as it stands.
export function parse(hash) {
  const text = hash.replace(/^#/, "").replace(/^\//, "");
  const cut = text.indexOf("?");
  const path = cut < 0 ? text : text.slice(0, cut);
  const query = Object.fromEntries(new URLSearchParams(cut < 0 ? "" : text.slice(cut + 1)));
  return { parts: path === "" ? [] : path.split("/").map(decode), query };
}

// format is the hash of a place.
export function format(parts, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const tail = given.length > 0 ? "?" + new URLSearchParams(given) : "";
  return "#/" + parts.map((part) => encodeURIComponent(part)).join("/") + tail;
}

// match finds the first row whose pattern fits, such as "blocks/:index", and returns
// { row, params }; nothing where none does.
export function match(rows, parts) {
  for (const row of rows) {
    const pattern = row.path === "" ? [] : row.path.split("/");
    if (pattern.length !== parts.length) continue;
    const params = {};
    const fits = pattern.every((name, i) => {
      if (!name.startsWith(":")) return name === parts[i];
      params[name.slice(1)] = parts[i];
      return parts[i] !== "";
    });
    if (fits) return { row, params };
  }
  return undefined;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
