// The token with which the page reads, where nobody may read without. It lives as long as
// the tab, and goes to nodes of this cluster only.
const key = "bpsc-token";

export const token = {
  get: () => sessionStorage.getItem(key) ?? "",
  set: (text) => (text === "" ? sessionStorage.removeItem(key) : sessionStorage.setItem(key, text)),
};
