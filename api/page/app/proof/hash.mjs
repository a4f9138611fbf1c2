// SHA-2 in JavaScript: crypto.subtle exists only where a page came over https or from loopback,
// and a member is often neither.

export { sha256, sha512 } from "../../lib/sha2.mjs";
