// All blocks, the newest first. Their heads come from the log's entries, 256 at a time,
// when somebody gets to them.
import { html, useEffect, useMemo, useReducer, useRef } from "./html.mjs";
import { useLedger } from "./ledger.mjs";
import { Hash, Page, Time } from "./parts.mjs";
import { Rows } from "./rows.mjs";
import { entries, width } from "./blockhash.mjs";
import { count } from "./time.mjs";

// most is how many blocks are in one table: browsers know no longer pages.
const most = 10000;

export function Blocks({ query }) {
  const { length, link, live, path } = useLedger();
  const first = Number(query.before);
  const newest = Number.isSafeInteger(first) && first > 0 && first <= length ? first : length;
  const oldest = Math.max(1, newest - most + 1);
  const items = useMemo(() => Array.from({ length: Math.max(0, newest - oldest + 1) }, (_, i) => newest - i), [newest, oldest]);
  const { head, seen } = useHeads();
  const columns = [
    { name: "Block", class: "index", cell: (index) => html`<a href=${link(["blocks", String(index)])}>${index.toLocaleString("en-US")}</a>` },
    { name: "Hash", class: "wide", cell: (index) => html`<${Hash} value=${head(index)?.hash} to=${link(["blocks", String(index)])} />` },
    { name: "Records", class: "number", cell: (index) => head(index)?.transactions.toLocaleString("en-US") ?? "…" },
    { name: "Produced", class: "number", cell: (index) => html`<${Time} at=${head(index)?.timestamp} />` },
  ];
  return html`<${Page} title="Blocks" lead=${count(length, "block") + ", the newest first."} path=${path(["blocks"], { from: String(Math.max(1, newest - 99)), limit: "100" })}>
    <section class="card" aria-label="Blocks"><${Rows} caption="Blocks, the newest first" columns=${columns} items=${items} keyOf=${(index) => index} stamp=${seen} /></section>
    <p class="pager">${newest < length && html`<a href=${link(["blocks"])}>Newest</a> `}${oldest > 1 && html`<a href=${link(["blocks"], { before: String(oldest - 1) })}>Older than block ${oldest.toLocaleString("en-US")}</a>`}</p>
  <//>`;
}

// useHeads returns what says the head of a block, undefined while it is on its way, and
// how many answers have come.
function useHeads() {
  const { client, token, chainID, length, live } = useLedger();
  const [seen, redraw] = useReducer((n) => n + 1, 0);
  const tiles = useRef(new Map());
  const stop = useRef(null);
  useEffect(() => {
    tiles.current = new Map();
    stop.current = new AbortController();
    redraw();
    return () => stop.current.abort();
  }, [client, token, chainID]);
  const head = (index) => {
    const followed = live.heads[index - (live.heads[0]?.index ?? Infinity)];
    if (followed !== undefined) return followed;
    const n = Math.floor((index - 1) / width);
    const have = tiles.current.get(n);
    if (Array.isArray(have)) return have[index - 1 - n * width];
    if (have === undefined && stop.current !== null) {
      const { signal } = stop.current;
      const into = tiles.current;
      into.set(n, "asked");
      entries(client, token, n, Math.min(width, length - n * width), signal).then(
        (heads) => { into.set(n, heads); redraw(); },
        () => setTimeout(() => { into.delete(n); if (!signal.aborted) redraw(); }, 2000),
      );
    }
    return undefined;
  };
  return { head, seen };
}
