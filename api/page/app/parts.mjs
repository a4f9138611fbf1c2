// What pages are made of.
import { html, useEffect, useId, useLayoutEffect, useRef, useState } from "./html.mjs";
import { useLedger, useNow } from "./ledger.mjs";
import * as amounts from "./amount.mjs";
import { ago, clock, iso } from "./time.mjs";
import { sentence } from "./sentence.mjs";

// Text from outside stands in bdi, so that marks of direction in it end with it.

// Account links to the page of an account.
export function Account({ name, self }) {
  const { link } = useLedger();
  if (name === undefined) return html`<span class="none">–</span>`;
  if (self === name) return html`<span class="account self"><bdi>${shortName(name)}</bdi></span>`;
  return html`<a class="account" href=${link(["accounts", name])} title=${name}><bdi>${shortName(name)}</bdi></a>`;
}

// shortName shortens an address, which only differs from others inside; names of open
// contracts are shown whole.
export function shortName(name) {
  return /^bpsc1[02-9ac-hj-np-z]{20,}$/.test(name) ? name.slice(0, 10) + "…" + name.slice(-6) : name;
}

// Amount is an amount of JSON with the name of its token.
export function Amount({ value, sign = 0, bare = false }) {
  const { decimals, token } = useLedger();
  const mark = sign > 0 ? "+" : sign < 0 ? "\u2212" : "";
  return html`<span class="amount">${mark}${amounts.show(value, decimals)}${bare ? "" : html` <span class="unit">${token}</span>`}</span>`;
}

// Hash shows the ends of a hash, which is there whole for whoever hovers or copies.
export function Hash({ value, to, whole = false }) {
  if (!value) return html`<span class="none">–</span>`;
  const text = html`<code class="hash" title=${value}>${whole ? value : value.slice(0, 8) + "…" + value.slice(-6)}</code>`;
  return html`<span class="copied">${to ? html`<a href=${to}>${text}</a>` : text}<${Copy} text=${value} /></span>`;
}

// Copy puts a text into the clipboard.
export function Copy({ text, label = "Copy" }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => setDone(await toClipboard(text));
  return html`<button type="button" class="copy" onClick=${copy} aria-label=${done ? "Copied" : label} title=${done ? "Copied" : label}>
    <svg viewBox="0 0 16 16" aria-hidden="true">${done
      ? html`<path d="M3 8.5 6.5 12 13 4.5" />`
      : html`<path d="M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z" />`}</svg>
  </button>`;
}

// toClipboard also works where a page came over plain HTTP, which has no clipboard.
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

// Time is a moment: how long ago, and when for whoever hovers.
export function Time({ at, long = false }) {
  const now = useNow();
  if (!at) return html`<span class="none">–</span>`;
  const past = now - at;
  // Clocks differ a little, and this one shows the second that has begun.
  const text = past < -2 ? "in " + ago(-past) : past < 1 ? "now" : ago(Math.floor(past)).replace(".0", "") + " ago";
  return html`<time datetime=${iso(at)} title=${clock(at)}>${long ? clock(at) + " (" + text + ")" : text}</time>`;
}

// Sentence says what a record did.
export function Sentence({ record, self }) {
  return html`<span class="sentence">${sentence(record).map((part) => typeof part === "string" ? part
    : "account" in part ? html`<${Account} name=${part.account} self=${self} />`
    : "amount" in part ? html`<${Amount} value=${part.amount} />`
    : html`<q><bdi>${part.id ?? part.quote}</bdi></q>`)}</span>`;
}

const kinds = {
  transfer: "Transfer", hold: "Hold", delivery: "Delivery", refund: "Refund", issue: "Issue",
  spend: "Spend", burn: "Burn", rules: "Rules", recovery: "Recovery",
};

// Kind is the kind of a record as a badge, which leads to the transaction of that id.
export function Kind({ of, id }) {
  const { link } = useLedger();
  const kind = of ?? "transfer";
  const badge = html`<span class=${"badge " + (kinds[kind] ? kind : "other")}><bdi>${kinds[kind] ?? kind}</bdi></span>`;
  return id ? html`<a href=${link(["transactions", id])} aria-label=${(kinds[kind] ?? kind) + ", the transaction"}>${badge}</a>` : badge;
}

// What is a sentence with the kind of its record before it, where there is no room for a
// column of kinds.
export function What({ record, self }) {
  return html`<span class="narrow"><${Kind} of=${record.kind} id=${record.id} /></span><${Sentence} record=${record} self=${self} />`;
}

// Page is the frame of what a page shows. Whoever uses a screen reader or the keyboard
// begins at its heading when the page changes.
export function Page({ title, lead, path, before, children }) {
  const heading = useRef(null);
  useLayoutEffect(() => {
    document.title = plainTitle(title) + " · bpsc";
  }, [title]);
  useEffect(() => {
    if (shown.one) heading.current?.focus({ preventScroll: true });
    shown.one = true;
  }, [path]);
  return html`<article>
    ${before}
    <header class="head">
      <h1 ref=${heading} tabindex="-1">${title}</h1>
      ${lead && html`<p class="lead">${lead}</p>`}
    </header>
    ${children}
    ${path && html`<${JSONLink} path=${path} />`}
  </article>`;
}

// shown remembers whether a page has been shown: the first one takes no focus.
const shown = { one: false };

function plainTitle(title) {
  return typeof title === "string" ? title : "Explorer";
}

// JSONLink leads to the same in the API.
export function JSONLink({ path }) {
  const { client } = useLedger();
  return html`<p class="json"><a href=${client.origin + path}>The same as JSON</a> <code>${path}</code></p>`;
}

// Facts is a list of names and values; rows that are null are left out.
export function Facts({ rows }) {
  return html`<dl class="facts">${rows.filter(Boolean).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

// Card is a section with a heading.
export function Card({ title, extra, children, class: more = "" }) {
  const id = useId();
  return html`<section class=${"card " + more} aria-labelledby=${id}>
    <div class="bar"><h2 id=${id}>${title}</h2>${extra}</div>
    ${children}
  </section>`;
}

// Table is a short table: columns are { name, cell, class }. Long ones are Rows (rows.mjs).
export function Table({ caption, columns, items, keyOf, empty = "Nothing yet." }) {
  if (items.length === 0) return html`<p class="empty">${empty}</p>`;
  return html`<table>
    <caption class="hidden">${caption}</caption>
    <thead><tr>${columns.map((c) => html`<th scope="col" class=${c.class}>${c.name}</th>`)}</tr></thead>
    <tbody>${items.map((item, i) => html`<tr key=${keyOf(item)}>${columns.map((c, j) => j === 0
      ? html`<th scope="row" class=${c.class}>${c.cell(item, i)}</th>`
      : html`<td class=${c.class}>${c.cell(item, i)}</td>`)}</tr>`)}</tbody>
  </table>`;
}

// Shown says what there is to say about a resource, and shows what it has: the last good
// data, with their age where something is wrong, or why there are none.
export function Shown({ of, children, missing }) {
  const { data, at, error, waiting, retry } = of;
  const { error: everywhere } = useLedger(); // is told above the page
  if (data !== undefined) return html`${(error || waiting) && !everywhere && html`<${Stale} at=${at} error=${error} />`}${children(data)}`;
  if (error) return missing?.(error) ?? html`<${Failure} error=${error} retry=${retry} />`;
  return html`<p class="wait" role="status">${waiting ? "The server takes its time…" : "Loading…"}</p>`;
}

// Stale is over what is shown and may be old.
export function Stale({ at, error }) {
  const now = useNow();
  return html`<p class="notice warn" role="status"><strong>As of ${ago(Math.max(0, Math.floor(now - at))).replace(".0", "")} ago.</strong> ${error ? error.message + "." : "The server takes its time."} What stands here is the last that came whole; the page asks again by itself.</p>`;
}

// Failure is in place of what there is not.
export function Failure({ error, retry }) {
  return html`<div class="notice bad" role="alert">
    <p><strong>This cannot be shown.</strong> <bdi>${error.message}</bdi>.</p>
    <p class="small">${error.code}${error.requestID && html` · request <code>${error.requestID}</code>`}
      ${retry && html` · <button type="button" class="link" onClick=${retry}>Try again</button>`}</p>
  </div>`;
}

// Neighbours are the links to what is before and after.
export function Neighbours({ before, after, what }) {
  return html`<nav class="neighbours" aria-label=${"Other " + what}>
    ${before ? html`<a rel="prev" href=${before}>← Previous</a>` : html`<span aria-hidden="true">← Previous</span>`}
    ${after ? html`<a rel="next" href=${after}>Next →</a>` : html`<span aria-hidden="true">Next →</span>`}
  </nav>`;
}
