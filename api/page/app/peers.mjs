// Which other nodes the page may ask.

// peersOf picks out of the origins that the node has named those that go with the page's
// own: the cluster lets pages of its members' addresses read, and no others. A member on
// this machine is named both by its address and as localhost.
export function peersOf(own, named) {
  const origins = named.split(" ").filter((text) => text !== "");
  if (!origins.includes(own)) return [];
  const local = new URL(own).hostname === "localhost";
  const other = (origin) => origin !== own && !(isLoopback(origin) && isLoopback(own) && (new URL(origin).hostname === "localhost") !== local);
  return origins.filter(other);
}

function isLoopback(origin) {
  const { hostname } = new URL(origin);
  return hostname === "localhost" || hostname.startsWith("127.") || hostname === "[::1]";
}
