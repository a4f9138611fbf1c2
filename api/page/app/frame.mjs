// What stands around every page: name, search, navigation, and what everybody has to know.
import { html, useEffect, useRef, useState } from "./html.mjs";
import { useLedger } from "./ledger.mjs";
import { Stale } from "./parts.mjs";
import { Search } from "./searchbox.mjs";
import { local } from "./storage.mjs";
import { token } from "./token.mjs";

export function Header({ place, routes }) {
  const { node, link } = useLedger();
  const here = place.parts[0] ?? "";
  const pages = routes.filter((row) => row.nav && (!row.nodes || row.nodes === node.kind));
  return html`<header class="top">
    <div class="brandline">
      <a class="brand" href=${link([])} aria-label="bpsc, to the beginning"><${Mark} />bpsc</a>
      <${Contracts} place=${place} />
      <${Search} />
      <${Theme} />
    </div>
    <nav class="pages" aria-label="Pages">${pages.map((row) => {
      const parts = row.path === "" ? [] : row.path.split("/");
      return html`<a href=${link(parts)} aria-current=${(parts[0] ?? "") === here ? "page" : undefined}>${row.nav}</a>`;
    })}</nav>
  </header>`;
}

function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" /><path d="M9 8h7.5a4.5 4.5 0 0 1 2.6 8.2A4.8 4.8 0 0 1 17 24H9zM9 16h8" /></svg>`;
}

// Contracts chooses which contract is looked at, where there are several.
function Contracts({ place }) {
  const { contracts, token: current } = useLedger();
  const items = contracts.items ?? [];
  if (items.length < 2) return current ? html`<span class="contract"><bdi>${current}</bdi></span>` : null;
  const choose = (event) => {
    const chosen = event.currentTarget.value;
    // What is looked at is something of the one contract, and nothing of another.
    const parts = ["blocks", "accounts", "transactions", "holds"].includes(place.parts[0]) ? "" : place.parts.map(encodeURIComponent).join("/");
    location.hash = "#/" + parts + (chosen === items[0].token ? "" : "?contract=" + encodeURIComponent(chosen));
  };
  return html`<label class="contract"><span class="hidden">Contract</span>
    <select value=${current} onChange=${choose}>${items.map((c) => html`<option value=${c.token}>${c.token}</option>`)}</select>
  </label>`;
}

const themes = ["auto", "light", "dark"];

// Theme goes through the colours: those of the system, light, dark.
function Theme() {
  const [theme, setTheme] = useState(() => local.getItem("bpsc-theme") ?? "auto");
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    local.setItem("bpsc-theme", theme);
  }, [theme]);
  const next = themes[(themes.indexOf(theme) + 1) % themes.length];
  return html`<button type="button" class="theme" onClick=${() => setTheme(next)} aria-label=${`Colours: ${theme}. Change to ${next}`} title=${"Colours: " + theme}>
    <svg viewBox="0 0 20 20" aria-hidden="true">${{
      auto: html`<circle cx="10" cy="10" r="7" /><path class="fill" d="M10 3a7 7 0 0 1 0 14z" />`,
      light: html`<circle cx="10" cy="10" r="4" /><path d="M10 1v3M10 16v3M1 10h3M16 10h3M3.6 3.6l2.2 2.2M14.2 14.2l2.2 2.2M3.6 16.4l2.2-2.2M14.2 5.8l2.2-2.2" />`,
      dark: html`<path d="M16.5 12.5A7 7 0 0 1 7.5 3.5a7 7 0 1 0 9 9z" />`,
    }[theme]}</svg>
  </button>`;
}

// Notices are above every page.
export function Notices() {
  const { error, info, infoAt, contracts, origin, token: current } = useLedger();
  return html`
    ${error && info && error.status !== 401 && error.status !== 403 && html`<${Stale} at=${infoAt} error=${error} />`}
    ${error && !info && error.status !== 401 && error.status !== 403 && html`<div class="notice bad" role="alert"><p><strong>${current && error.status === 404 ? "There is no such contract." : "No server answers as it should."}</strong> <bdi>${error.message}</bdi>.</p></div>`}
    ${contracts.items?.length === 0 && html`<div class="notice"><p><strong>There is no contract yet.</strong> Start the members with <code>--contract FILE</code>, or make one with <code>bpsc contract create</code>.</p></div>`}
    ${origin !== "" && html`<div class="notice" role="status"><p>The member that sent this page did not answer as it should. The page goes on with <a href=${origin + "/" + location.hash}>${origin}</a>: what you send goes there, and nothing is missed.</p></div>`}
  `;
}

// TokenForm asks for a token where nobody may read without.
export function TokenForm({ error }) {
  const { reload } = useLedger();
  const [text, setText] = useState("");
  const field = useRef(null);
  useEffect(() => field.current?.focus(), []);
  const give = (event) => {
    event.preventDefault();
    token.set(text.replace(/[^\x21-\x7e]/g, "")); // a header holds nothing else
    reload();
  };
  return html`<form class="card narrow" onSubmit=${give}>
    <h1>A token is needed</h1>
    <p><bdi>${error.message}</bdi>. Whoever runs this cluster makes one for you: <code>bpsc token create --name NAME --role read</code>.</p>
    <label>Token <input ref=${field} type="password" autocomplete="off" spellcheck=${false} value=${text} onInput=${(e) => setText(e.currentTarget.value)} required /></label>
    <p class="small">It is kept until this tab is closed, and sent to the members of this cluster only.</p>
    <button type="submit">Go on</button>
  </form>`;
}

export function Footer() {
  const { node, origin, reload } = useLedger();
  const forget = () => { token.set(""); reload(); };
  return html`<footer class="bottom">
    <p>${node.kind === "follower" ? "A follower: it has verified every block that it shows." : "A member of the cluster."} bpsc ${node.version}${origin && html` · reading from ${origin}`}</p>
    <p>${token.get() !== "" && html`<button type="button" class="link" onClick=${forget}>Forget the token</button> · `}<a href="/docs">API</a> · <kbd>/</kbd> search</p>
  </footer>`;
}
