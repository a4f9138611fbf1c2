// Long tables: only the rows that can be seen are in the document, however many there are.
import { Component, html, useCallback, useEffect, useLayoutEffect, useReducer, useRef } from "./html.mjs";
import { Virtualizer, observeWindowOffset, observeWindowRect, windowScroll } from "../lib/virtual-core.mjs";
import { useLedger } from "./ledger.mjs";
import { Hash, Kind, What } from "./parts.mjs";

const narrow = window.matchMedia("(max-width: 720px)");

// Row is drawn when it comes into sight, and again only where what it shows has changed.
class Row extends Component {
  shouldComponentUpdate(next) {
    return next.item !== this.props.item || next.index !== this.props.index || next.stamp !== this.props.stamp;
  }
  render({ columns, index, item }) {
    return html`<tr aria-rowindex=${index + 2}>${columns.map((c, j) => j === 0
      ? html`<th scope="row" class=${c.class}>${c.cell(item, index)}</th>`
      : html`<td class=${c.class}>${c.cell(item, index)}</td>`)}</tr>`;
  }
}

// Rows is a table of any length that scrolls with the page. columns are { name, cell,
// class }; stamp is what cells show besides the item; needed is called when the end comes
// near, to bring more.
export function Rows({ caption, columns, items, keyOf, stamp, needed, more = false, empty = "Nothing yet." }) {
  const table = useRef(null);
  const [, redraw] = useReducer((n) => n + 1, 0);
  const virtual = useRef(null);
  // Pixels of a row, as style.css has them; on narrow screens a sentence takes more lines.
  const sentences = columns.some((c) => c.class === "what");
  const height = () => (sentences && narrow.matches ? 88 : 49);
  virtual.current ??= new Virtualizer({
    count: 0,
    estimateSize: height,
    overscan: 12,
    getScrollElement: () => window,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    initialOffset: () => window.scrollY,
    onChange: () => redraw(),
  });
  const v = virtual.current;
  const margin = useRef(0);
  // A new function would have all rows measured again, at each step of a scroll.
  const key = useCallback((i) => keyOf(items[i]), [items]);
  v.setOptions({ ...v.options, count: items.length, scrollMargin: margin.current, getItemKey: key });
  useLayoutEffect(() => {
    const turned = () => { v.measure(); redraw(); };
    narrow.addEventListener("change", turned);
    const ended = v._didMount();
    return () => { narrow.removeEventListener("change", turned); ended(); };
  }, []);
  // Where the table begins changes with what is above it, and not while it is scrolled.
  useLayoutEffect(() => {
    const place = () => {
      const top = table.current === null ? 0 : table.current.getBoundingClientRect().top + window.scrollY;
      if (Math.abs(top - margin.current) > 1) { margin.current = top; redraw(); }
    };
    place();
    const moved = new ResizeObserver(place);
    moved.observe(document.getElementById("main"));
    return () => moved.disconnect();
  }, [items.length === 0]);
  useLayoutEffect(() => v._willUpdate());
  const shown = v.getVirtualItems();
  const last = shown.at(-1)?.index ?? -1;
  useEffect(() => { if (more && needed && items.length > 0 && last >= items.length - 20) needed(); }, [last, items.length, more]);
  if (items.length === 0) return more ? null : html`<p class="empty">${empty}</p>`;
  const above = shown.length > 0 ? shown[0].start - margin.current : 0;
  const below = shown.length > 0 ? v.getTotalSize() - (shown.at(-1).end - margin.current) : items.length * height();
  return html`<table class=${sentences ? "rows sentences" : "rows"} ref=${table} aria-rowcount=${more ? -1 : items.length + 1}>
    <caption class="hidden">${caption}</caption>
    <thead><tr aria-rowindex="1">${columns.map((c) => html`<th scope="col" class=${c.class}>${c.name}</th>`)}</tr></thead>
    <tbody>
      ${above > 0 && html`<tr key="above" class="gap" aria-hidden="true"><td style=${{ height: above + "px" }}></td></tr>`}
      ${shown.map(({ index, key }) => html`<${Row} key=${key} index=${index} item=${items[index]} columns=${columns} stamp=${stamp} />`)}
      ${below > 0 && html`<tr key="below" class="gap" aria-hidden="true"><td style=${{ height: below + "px" }}></td></tr>`}
    </tbody>
  </table>`;
}

// Records is a table of the records of a block.
export function Records({ records, caption, empty }) {
  const { link } = useLedger();
  const columns = [
    { name: "#", class: "place", cell: (_, i) => i },
    { name: "Kind", class: "kind", cell: (r) => html`<${Kind} of=${r.kind} id=${r.id} />` },
    { name: "What happened", class: "what", cell: (r) => html`<${What} record=${r} />` },
    { name: "Id", class: "hashes wide", cell: (r) => html`<${Hash} value=${r.id} to=${r.id && link(["transactions", r.id])} />` },
  ];
  return html`<${Rows} columns=${columns} items=${records} keyOf=${(r) => r.id} caption=${caption} empty=${empty} />`;
}
