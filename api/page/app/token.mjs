// The token with which the page reads, where nobody may read without. It lives as long as
// the tab, and goes to nodes of this cluster only.
import { session } from "./storage.mjs";

const key = "bpsc-token";

export const token = {
  get: () => session.getItem(key) ?? "",
  set: (text) => (text === "" ? session.removeItem(key) : session.setItem(key, text)),
};
