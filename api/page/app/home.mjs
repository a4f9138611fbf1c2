// The first page: how the chain is now.
import { html, useMemo, useRef, useState } from "./html.mjs";
import { useLedger, useNow } from "./ledger.mjs";
import { Amount, Card, Hash, Page, Table, Time } from "./parts.mjs";
import { Chart } from "./chart.mjs";
import * as amounts from "./amount.mjs";
import { ago, count } from "./time.mjs";
import { dueText } from "./schedule.mjs";
import { rates } from "./rates.mjs";

export function Home() {
  const ledger = useLedger();
  const { info, token, path } = ledger;
  if (info === null) return html`<${Page} title="Explorer"><p class="wait" role="status">Loading…</p><//>`;
  return html`<article class="home">
    <h1 class="hidden">The chain of ${token}</h1>
    <${Tip} />
    <${Strip} />
    <${Figures} />
    <${Charts} />
    <${Blocks} />
    <p class="json"><a href=${ledger.client.origin + "/v1/contracts/" + encodeURIComponent(token)}>The same as JSON</a> <code>${"/v1/contracts/" + token}</code> · <a href=${ledger.client.origin + path(["events"], { only: "blocks" })}>as a stream</a></p>
  </article>`;
}

const states = { live: "Live", connecting: "Connecting", lost: "Connecting again" };

// Tip is the newest block and how long ago that was. What is read out is the block, and
// not each second.
function Tip() {
  const { node, tip, info, live, length, link } = useLedger();
  const now = useNow(200);
  const at = tip?.timestamp ?? info.tip_timestamp;
  return html`<section class="tip" aria-labelledby="tip">
    <div>
      <p class=${"state " + live.status} title=${live.why || undefined}><span class="dot" aria-hidden="true"></span>${states[live.status]}</p>
      <p class="number" id="tip"><a href=${link(["blocks", String(length)])} aria-live="polite">Block ${length.toLocaleString("en-US")}</a></p>
      <p class="age"><span aria-hidden="true">${ago(Math.max(0, now - at))} ago</span><span class="hidden"><${Time} at=${at} /></span> · <${Hash} value=${tip?.hash ?? info.tip} to=${link(["blocks", String(length)])} /></p>
    </div>
    <div class="next">
      <p class="label">Next block</p>
      <p class="due">${dueText(info, now)}</p>
      <p class="age">${node.kind === "follower" ? "A follower hears of records with their block" : info.pending > 0 ? html`<strong>${count(info.pending, "record")}</strong> pending, final already` : "Nothing is pending"}</p>
    </div>
  </section>`;
}

// Strip shows the last blocks as tiles, newest first, after the one that is to come. It
// stands still while somebody points at it.
function Strip() {
  const { node, live, info, link } = useLedger();
  const [held, setHeld] = useState(null);
  const heads = (held ?? live.heads).slice(-14).reverse();
  const most = Math.max(1, ...heads.map((head) => head.transactions));
  const hold = () => setHeld((old) => old ?? live.heads);
  return html`<section aria-label="Newest blocks at a glance" class="stripbox">
    <ul class="strip" onMouseEnter=${hold} onMouseLeave=${() => setHeld(null)} onFocusIn=${hold} onFocusOut=${() => setHeld(null)}>
      <li class="tile pending"><span class="index">Next</span><span class="fill"></span><span class="what">${node.kind === "follower" ? "not known" : count(info.pending, "record")}</span><span class="when">pending</span></li>
      ${heads.map((head) => html`<li key=${head.index}><a class="tile" href=${link(["blocks", String(head.index)])}>
        <span class="index">${head.index.toLocaleString("en-US")}</span>
        <meter class="fill" min="0" max=${most} value=${head.transactions} aria-hidden="true"></meter>
        <span class="what">${count(head.transactions, "record")}</span>
        <span class="when"><${Time} at=${head.timestamp} /></span></a></li>`)}
    </ul>
    ${held && html`<p class="held small" aria-hidden="true">Stands still while you look</p>`}
  </section>`;
}

function Figures() {
  const { info, live, infoAt, decimals } = useLedger();
  const rate = useRate(info, infoAt);
  const [issued, burned] = [info.totals.issued, info.totals.burned].map((n) => amounts.units(n, decimals));
  const supply = issued === null || burned === null ? undefined : amounts.plain(issued - burned, decimals);
  const { blockSeconds } = rates(live.heads);
  const figures = [
    ["Records", Number(info.records).toLocaleString("en-US"), "in all"],
    ["Rate", rate === null ? "–" : rate.toLocaleString("en-US", { maximumFractionDigits: rate < 10 ? 1 : 0 }), "records a second"],
    ["Block time", blockSeconds === null ? "–" : ago(blockSeconds), "between the last blocks"],
    ["Supply", html`<${Amount} value=${supply} />`, info.contract.wallets === "open" ? "nothing is issued in an open contract" : "issued and not burned"],
    burns(info) ? ["Burned", html`<${Amount} value=${info.totals.burned} />`, "fees, destroyed at once"]
      : ["Fees", html`<${Amount} value=${info.totals.fees} />`, "in the BPSC's wallet"],
    ["On hold", html`<${Amount} value=${info.totals.held} />`, count(info.open_holds, "open hold")],
  ];
  return html`<section aria-label="Figures"><dl class="figures">${figures.map(([name, value, more]) => html`<div><dt>${name}</dt><dd><span class="value">${value}</span><span class="small">${more}</span></dd></div>`)}</dl></section>`;
}

const burns = (info) => info.contract.fees === "burn";

// useRate is how many records a second there were lately, those included that no block
// holds yet.
function useRate(info, at) {
  const seen = useRef([]);
  return useMemo(() => {
    if (seen.current.at(-1)?.chain !== info.chain_id) seen.current = [];
    seen.current = [...seen.current.filter((s) => at - s.at < 20), { at, records: info.records, chain: info.chain_id }];
    const first = seen.current[0];
    return at - first.at < 1 ? null : (info.records - first.records) / (at - first.at);
  }, [info, at]);
}

function Charts() {
  const { live, info, token, decimals } = useLedger();
  const series = useMemo(() => {
    const heads = live.heads.slice(-121);
    const later = heads.slice(1);
    return {
      times: later.map((head) => head.timestamp),
      records: later.map((head) => head.transactions),
      gaps: later.map((head, i) => head.timestamp - heads[i].timestamp),
      fees: later.map((head) => Number(burns(info) ? head.totals.burned : head.totals.fees)),
    };
  }, [live.heads, burns(info)]);
  if (series.times.length < 2) return null;
  const whole = (n) => n.toLocaleString("en-US", { notation: n >= 10000 ? "compact" : "standard", maximumFractionDigits: decimals });
  return html`<section class="charts" aria-label="Charts of the last blocks">
    <${Chart} title="Records in each block" times=${series.times} values=${series.records} bars format=${whole} />
    <${Chart} title="Seconds between blocks" times=${series.times} values=${series.gaps} format=${(n) => n.toLocaleString("en-US", { maximumSignificantDigits: 3 })} />
    <${Chart} title=${(burns(info) ? "Burned, " : "Fees in the BPSC's wallet, ") + token} times=${series.times} values=${series.fees} steps format=${whole} />
  </section>`;
}

function Blocks() {
  const { live, link } = useLedger();
  const items = live.heads.slice(-10).reverse();
  const columns = [
    { name: "Block", cell: (head) => html`<a href=${link(["blocks", String(head.index)])}>${head.index.toLocaleString("en-US")}</a>` },
    { name: "Hash", class: "wide", cell: (head) => html`<${Hash} value=${head.hash} to=${link(["blocks", String(head.index)])} />` },
    { name: "Produced by", cell: (head) => head.trigger },
    { name: "Records", class: "number", cell: (head) => head.transactions.toLocaleString("en-US") },
    { name: "Age", class: "number", cell: (head) => html`<${Time} at=${head.timestamp} />` },
  ];
  return html`<${Card} title="Newest blocks" extra=${html`<a href=${link(["blocks"])}>All blocks</a>`}>
    <${Table} caption="The newest blocks, the last first" columns=${columns} items=${items} keyOf=${(head) => head.index} />
  <//>`;
}
