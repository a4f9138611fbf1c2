// Bytes and their spellings. Each text that is read here has one spelling: another one of
// the same bytes is refused, so that no character of a proof can change unnoticed.

const utf8 = new TextEncoder();

/** The UTF-8 bytes of a text. */
export const encode = (text) => utf8.encode(text);

/** The text of UTF-8 bytes; a byte order mark stays. Throws TypeError for other bytes. */
export const decode = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

/** Lower-case hex. */
export const toHex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

/** The bytes of lower-case hex, null where the text is something else or not of `size` bytes. */
export function fromHex(text, size) {
  if (typeof text !== "string" || text.length !== 2 * size || !/^[0-9a-f]*$/.test(text)) return null;
  return Uint8Array.from({ length: size }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** Base64 with padding. */
export const toBase64 = (bytes) => btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""));

/** The bytes of base64 in its one spelling, null for any other text. */
export function fromBase64(text) {
  try {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return toBase64(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}

/** One array of several. */
export function concat(...parts) {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Whether two arrays hold the same bytes. Nothing here is secret, so time may tell. */
export const equal = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
