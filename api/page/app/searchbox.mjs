// The search: one field for a block's index or hash, an id, an address.
import { html, useEffect, useRef, useState } from "./html.mjs";
import { useLedger } from "./ledger.mjs";
import { meanings } from "./search.mjs";
import { findBlock } from "./blockhash.mjs";
import { format } from "./router.mjs";

export function Search() {
  const ledger = useLedger();
  const field = useRef(null);
  const [text, setText] = useState("");
  const [said, setSaid] = useState("");
  const [more, setMore] = useState(false); // there are old blocks that were not looked at
  const asked = useRef(null);
  useEffect(() => {
    const pressed = (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
      event.preventDefault();
      field.current.focus();
      field.current.select();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);

  const go = async (event, further = false) => {
    event.preventDefault();
    setMore(false);
    asked.current?.abort();
    const stop = (asked.current = new AbortController());
    setSaid("Looking…");
    try {
      const { place, more = false } = await find(text, ledger, { signal: stop.signal, say: setSaid, further });
      if (stop.signal.aborted) return;
      setSaid(place ? "" : more ? "Nothing goes by that, no block of the newest either" : "Nothing goes by that");
      setMore(more);
      if (place) { setText(""); field.current.blur(); location.hash = place; }
    } catch (error) {
      if (!stop.signal.aborted) setSaid(error.message);
    }
  };
  return html`<form class="search" role="search" onSubmit=${go}>
    <input ref=${field} type="search" value=${text} placeholder="Block, hash, id or address" aria-label="Search for a block, a hash, an id or an address" aria-keyshortcuts="/"
      autocomplete="off" autocapitalize="off" spellcheck=${false} onInput=${(e) => { setText(e.currentTarget.value); setSaid(""); setMore(false); asked.current?.abort(); }}
      onKeyDown=${(e) => { if (e.key === "Escape") e.currentTarget.blur(); }} />
    <kbd aria-hidden="true">/</kbd>
    <span class="said" role="status">${said}${more && html`. <button type="button" class="link" onClick=${(event) => go(event, true)}>Look at the old ones</button>`}</span>
  </form>`;
}

// find is { place }, where to go for what somebody typed, or { more } where there is nothing.
async function find(text, ledger, looking) {
  const { signal } = looking;
  let more = false;
  const { client, link, token, contracts } = ledger;
  const tokens = [token, ...(contracts.items ?? []).map((c) => c.token).filter((other) => other !== token)];
  const at = (of) => (of === contracts.items?.[0]?.token ? undefined : of);
  for (const meaning of meanings(text)) {
    if (meaning.kind === "block" && meaning.index <= ledger.length) return { place: link(["blocks", String(meaning.index)]) };
    if (meaning.kind === "id") {
      for (const of of tokens.slice(0, 20)) {
        const query = "?" + new URLSearchParams({ contract: of, consistency: "local" });
        const found = await client.get("/v1/transactions/" + meaning.id + query, { signal }).catch(notFound);
        if (found) return { place: format(["transactions", meaning.id], { contract: at(of) }) };
      }
      const block = await findBlock(ledger, meaning.id, looking);
      if (block.index > 0) return { place: link(["blocks", String(block.index)]) };
      more = block.more;
    }
    if (meaning.kind === "account") {
      const found = await client.get(ledger.path(["accounts", meaning.name], { consistency: "local" }), { signal }).catch(notFound);
      if (found?.data.records > 0) return { place: link(["accounts", meaning.name]) };
    }
  }
  return { more };
}

// notFound lets pass what only says that there is no such thing.
function notFound(error) {
  if (error.status >= 400 && error.status < 500 && error.status !== 401 && error.status !== 403 && error.status !== 429) return undefined;
  throw error;
}
