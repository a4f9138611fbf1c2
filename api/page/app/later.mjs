// What the first view does without: modules that are fetched where they are first shown, and all of
// them once the first view stands. From then on every page opens, whatever becomes of the member
// that sent this one.
import { html, useLayoutEffect, useState } from "./html.mjs";
import { useLedger } from "./ledger.mjs";

const parts = []; // in the order in which they are fetched

// part is a module that load imports by a call. fetch resolves to it; asked is what that came to,
// and value is the module, once it is here.
export function part(load) {
  const one = {
    value: undefined,
    asked: undefined,
    fetch: () => (one.asked ??= load().then((module) => (one.value = module), (error) => {
      one.asked = undefined;
      throw error;
    })),
  };
  parts.push(one);
  return one;
}

// usePart fetches a part, and returns { value, error }.
export function usePart(one) {
  const [value, setValue] = useState(one.value);
  const [error, setError] = useState(null);
  useLayoutEffect(() => {
    if (value === undefined) one.fetch().then(setValue, setError);
  }, [one]);
  return { value, error };
}

// later is the component of that name in a part: a page, which has a heading whatever becomes of it,
// or something beside pages, which takes no room before it is there.
export function later(name, load, { beside = false } = {}) {
  const one = part(load);
  return function Later(props) {
    const { value, error } = usePart(one);
    if (value) return html`<${value[name]} ...${props} />`;
    if (error) return html`<${Unfetched} title=${beside ? "strong" : "h1"} />`;
    return beside ? null : html`<p class="wait" role="status">Loading…</p>`;
  };
}

// shown resolves once what is shown has its parts, and the browser has time for others.
export async function shown() {
  await Promise.allSettled(parts.map((one) => one.asked));
  await new Promise((resolve) => (window.requestIdleCallback ? requestIdleCallback(resolve, { timeout: 1000 }) : setTimeout(resolve, 200)));
}

// fetchAll fetches all parts, one after the other, so that what is shown does not wait for them.
// What fails is tried again where it is shown.
export async function fetchAll() {
  for (const one of parts) await one.fetch().catch(() => {});
}

// Unfetched is in place of a part. Many browsers do not ask again for a module that failed until the
// page is loaded anew.
function Unfetched({ title }) {
  const { origin } = useLedger();
  return html`<div class="notice bad" role="alert"><${title} class="title">This part of the page could not be fetched.<//> <p>The server that sent the page does not answer, or is of another release by now. ${origin === ""
    ? html`<button type="button" class="link" onClick=${() => location.reload()}>Load the page anew</button>`
    : html`<a href=${origin + "/" + location.hash}>Open it at ${origin}</a>`}</p></div>`;
}
