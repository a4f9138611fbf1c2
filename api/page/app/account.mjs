// One account: what it has, what it had, and all that happened to it.
import { html, useState } from "./html.mjs";
import { useLedger } from "./ledger.mjs";
import { useResource } from "./resource.mjs";
import { Account as AccountLink, Amount, Card, Copy, Facts, Hash, Kind, Page, Shown, Table, Time, What } from "./parts.mjs";
import { Rows } from "./rows.mjs";
import { Chart } from "./chart.mjs";
import { QR } from "./qr.mjs";
import { effect } from "./sentence.mjs";
import { saveHistory } from "./export.mjs";
import { useHistory } from "./history.mjs";
import { usePast } from "./past.mjs";
import { count } from "./time.mjs";

export function Account({ params }) {
  const { path, tip, info } = useLedger();
  const name = params.address;
  const version = `${tip?.index}-${info?.pending}-${info?.records}`;
  const resource = useResource(path(["accounts", name], { consistency: "local" }), version);
  return html`<${Page} title="Account" path=${path(["accounts", name])} key=${name}>
    <p class="id"><code><bdi>${name}</bdi></code><${Copy} text=${name} label="Copy the address" /></p>
    <${Shown} of=${resource}>${(account) => html`
      <div class="balance">
        <div><p class="label">Balance</p><p class="big"><${Amount} value=${account.balance} /></p><p class="small">${count(account.records, "record")} changed it</p></div>
        <${QR} text=${name} label="The address as a QR code" />
      </div>
      <${Wallet} account=${account} />`}<//>
    <${Past} name=${name} balance=${resource.data?.balance} />
    <${Holds} name=${name} version=${version} />
    <${History} name=${name} version=${version} />
  <//>`;
}

// Wallet is what its owner and the issuer have set, of a signed contract.
function Wallet({ account }) {
  const { signed } = useLedger();
  if (!signed) return null;
  const limit = (now, next, at) => html`${now ? html`<${Amount} value=${now} />` : "none"}${at && html`; from <${Time} at=${at} long />: ${next ? html`<${Amount} value=${next} />` : "none"}`}`;
  return html`<${Card} title="Rules of this wallet"><${Facts} rows=${[
    ["Takes", { auto: "what is sent to it", approve: "what its owner accepts", closed: "nothing" }[account.receive] ?? account.receive],
    ["State", account.frozen ? html`<span class="badge bad">Frozen</span> by the issuer` : html`<span class="badge good">Free</span>`],
    ["Most in one transfer", limit(account.per_transfer, account.per_transfer_next, account.per_transfer_next_at)],
    ["Most in a day", limit(account.per_day, account.per_day_next, account.per_day_next_at)],
    account.key && ["Key", html`<${Hash} value=${account.key} whole />`],
  ]} /><//>`;
}

// Past draws the balance over time, of which the API knows any moment.
function Past({ name, balance }) {
  const { decimals, token } = useLedger();
  const { times, values, error, done } = usePast(name, balance);
  const text = (n) => n.toLocaleString("en-US", { notation: Math.abs(n) >= 100000 ? "compact" : "standard", maximumFractionDigits: decimals });
  if (times.length < 2) return null;
  return html`<section class="charts one" aria-label="Balance over time">
    <${Chart} title=${`Balance over time, ${token}${done ? "" : ", as far as it is known"}`} times=${times} values=${values} steps format=${text} />
    ${error && html`<p class="small" role="status">The past is not all here: ${error.message}</p>`}
  </section>`;
}

function Holds({ name, version }) {
  const { path, link } = useLedger();
  const asked = useResource(path(["accounts", name, "holds"], { consistency: "local" }), version);
  const sent = useResource(path(["accounts", name, "holds"], { consistency: "local", role: "sender" }), version);
  const items = [...(asked.data?.items ?? []), ...(sent.data?.items ?? [])];
  if (items.length === 0) return null;
  const columns = [
    { name: "Hold", cell: (h) => html`<${Hash} value=${h.id} to=${link(["holds", h.id])} />` },
    { name: "From", class: "wide", cell: (h) => html`<${AccountLink} name=${h.sender} self=${name} />` },
    { name: "For", class: "wide", cell: (h) => html`<${AccountLink} name=${h.recipient} self=${name} />` },
    { name: "Amount", class: "number", cell: (h) => html`<${Amount} value=${h.amount} />` },
    { name: "Until", class: "number", cell: (h) => html`<${Time} at=${h.hold_until} />` },
  ];
  return html`<${Card} title="Open holds"><${Table} caption=${"Open holds of " + name} columns=${columns} items=${items} keyOf=${(h) => h.id} /><//>`;
}

const kinds = ["transfer", "hold", "delivery", "refund", "issue", "spend", "burn", "rules"];

function History({ name, version }) {
  const { info, link } = useLedger();
  const [filter, setFilter] = useState({ kind: "", direction: "", order: "" });
  const history = useHistory(name, filter, version);
  const set = (key) => (event) => setFilter({ ...filter, [key]: event.currentTarget.value });
  const columns = [
    { name: "Kind", class: "kind", cell: ({ record }) => html`<${Kind} of=${record.kind} id=${record.id} />` },
    { name: "What happened", class: "what", cell: ({ record }) => html`<${What} record=${record} self=${name} />` },
    { name: "Change", class: "number", cell: ({ record }) => html`<${Change} of=${effect(record, name, info?.contract ?? {})} />` },
    { name: "Block", class: "number age", cell: ({ block, in_block: inBlock }) => (inBlock ? html`<a href=${link(["blocks", String(block)])}>${block.toLocaleString("en-US")}</a>` : html`<span class="badge warn">pending</span>`) },
  ];
  return html`<${Card} title="History" extra=${html`<${Export} name=${name} filter=${filter} />`}>
    <form class="filters" onSubmit=${(e) => e.preventDefault()}>
      <label>Kind <select value=${filter.kind} onChange=${set("kind")}><option value="">all</option>${kinds.map((kind) => html`<option value=${kind}>${kind}</option>`)}</select></label>
      <label>Direction <select value=${filter.direction} onChange=${set("direction")}><option value="">both</option><option value="in">in</option><option value="out">out</option></select></label>
      <label>Order <select value=${filter.order} onChange=${set("order")}><option value="">newest first</option><option value="asc">oldest first</option></select></label>
    </form>
    ${history.error && html`<p class="notice warn" role="status">${history.error.message}. ${history.items.length > 0 && "What stands here is the last that came whole."} <button type="button" class="link" onClick=${history.retry}>Try again</button></p>`}
    <${Rows} caption=${"The records that name " + name} columns=${columns} items=${history.items} keyOf=${(item) => item.cursor} more=${history.more} needed=${history.needed} empty="No record names this account." />
    ${history.more && html`<p class="wait" role="status">${history.items.length > 0 ? `${count(history.items.length, "record")} so far…` : "Loading…"}</p>`}
  <//>`;
}

function Change({ of }) {
  if (of.amount === undefined) return "–";
  const color = of.sign > 0 ? "plus" : of.sign < 0 ? "minus" : "none";
  return html`<span class=${color}><${Amount} value=${of.amount} sign=${of.sign} bare /></span>`;
}

function Export({ name, filter }) {
  const { client, path, decimals, info } = useLedger();
  const [said, setSaid] = useState("");
  const save = async () => {
    setSaid("Reading…");
    try {
      const n = await saveHistory({ client, path, name, filter, decimals, contract: info?.contract ?? {}, say: (n) => setSaid(`${n} records…`) });
      setSaid(count(n, "record") + " saved");
    } catch (error) {
      setSaid(error.message);
    }
  };
  return html`<span class="export"><span class="small" role="status">${said}</span> <button type="button" class="button quiet" onClick=${save} disabled=${said.endsWith("…")}>Save as CSV</button></span>`;
}
