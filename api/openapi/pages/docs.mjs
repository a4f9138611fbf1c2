// The reference is whole without this: it adds the search, and requests that are sent from here.

const all = (selector) => [...document.querySelectorAll(selector)];
const element = (name, attributes = {}, ...inside) => {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...inside);
  return made;
};

// The search hides what has not every word that was typed.
const find = document.getElementById("find");
const targets = all("[data-find]").map((node) => ({ node, text: (node.dataset.find + " " + node.textContent).toLowerCase() }));
const search = () => {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { node, text } of targets) {
    node.hidden = !words.every((word) => text.includes(word));
    if (!node.hidden && node.matches(".operation, .schema")) shown += 1;
  }
  document.getElementById("found").textContent = words.length ? `${shown} found` : "";
};
find.form.hidden = false;
find.form.addEventListener("submit", (event) => event.preventDefault());
find.addEventListener("input", search);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, textarea")) {
    event.preventDefault();
    find.focus();
  }
});
// A link to something that the search has hidden shows it.
addEventListener("hashchange", () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target?.closest("[hidden]")) {
    find.value = "";
    search();
    target.scrollIntoView();
  }
});

for (const line of all("pre.curl")) line.textContent = line.textContent.replace("http://127.0.0.1:5000", location.origin);

const token = document.querySelector("#token input");
token.form.hidden = false;
token.form.addEventListener("submit", (event) => event.preventDefault());

// Longer answers are cut: this page shows them, it does not keep them.
const longest = 64 << 10;

const send = async (method, path, body) => {
  const headers = {};
  if (token.value) headers.Authorization = `Bearer ${token.value}`;
  const answer = await fetch(path, { method, headers, body: method === "GET" ? undefined : body, redirect: "error", cache: "no-store" });
  const type = answer.headers.get("Content-Type") ?? "";
  let text = await answer.text();
  if (type.includes("json") && text.length < longest) {
    try {
      text = JSON.stringify(JSON.parse(text), null, 2);
    } catch { /* lines of JSON, or half a text: as it came */ }
  }
  return `${answer.status} ${answer.statusText}\n\n${text.length > longest ? text.slice(0, longest) + "…" : text}`;
};

for (const form of all("form.try")) {
  const { method, path, body } = form.dataset;
  const address = element("input", { value: path, spellcheck: false, autocomplete: "off" });
  const text = element("textarea", { value: body, spellcheck: false });
  const shown = element("pre", { tabIndex: 0, hidden: true });
  shown.setAttribute("aria-live", "polite");
  const button = element("button", { type: "submit" }, `Send ${method}`);
  form.append(element("label", {}, "Address ", address));
  if (body) form.append(element("label", {}, "Body ", text));
  form.append(button, method === "GET" ? "" : " It is real: what it changes is changed.", shown);
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    shown.hidden = false;
    button.disabled = true;
    shown.textContent = "…";
    if (!address.value.startsWith("/") || address.value.startsWith("//")) {
      shown.textContent = "An address begins with one /: this page asks its own node only.";
    } else {
      shown.textContent = await send(method, address.value, text.value).catch((error) => `No answer: ${error.message}`);
    }
    button.disabled = false;
  });
}
