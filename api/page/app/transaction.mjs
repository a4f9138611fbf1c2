// One transaction: what was asked for, what was decided, and where it stands.
import { html } from "./html.mjs";
import { useLedger } from "./ledger.mjs";
import { useResource } from "./resource.mjs";
import { Account, Amount, Card, Copy, Facts, Hash, Kind, Page, Sentence, Shown, Time } from "./parts.mjs";
import { reason } from "./sentence.mjs";
import { clock } from "./time.mjs";

export function Transaction({ params }) {
  const { path, tip, info } = useLedger();
  const address = path(["transactions", params.id], { consistency: "local" });
  // What is in a block for good does not change any more.
  const resource = useResource(address, `${tip?.index}-${info?.pending}`);
  return html`<${Page} title="Transaction" path=${path(["transactions", params.id])} key=${params.id}>
    <p class="id"><code>${params.id}</code><${Copy} text=${params.id} label="Copy the id" /></p>
    <${Shown} of=${resource} missing=${(error) => (error.status === 404 ? html`<${Missing} />` : undefined)}>${(found) => html`<${Found} found=${found} />`}<//>
  <//>`;
}

function Missing() {
  return html`<p class="notice"><strong>Nothing is known of this id.</strong> It was not applied here; it may yet be, and this page shows it then.</p>`;
}

// State is where a transaction is, in words and in a colour.
function State({ found }) {
  if (found.status === "refused") return html`<span class="badge bad">Refused</span> <span>for good, and nothing moved: <bdi>${found.detail}</bdi></span>`;
  if (found.status === "expired") return html`<span class="badge warn">Expired</span> <span>It never came, and it is too late for it.</span>`;
  if (found.status === "pending") return html`<span class="badge warn">Waits</span> <span>for the recipient, who may accept or reject it</span>`;
  return html`<span class="badge good">Final</span> <span>${found.in_block ? `in block ${found.block.toLocaleString("en-US")}` : `decided, and block ${found.block.toLocaleString("en-US")} will hold it`}</span>`;
}

function Found({ found }) {
  const { link, client, path } = useLedger();
  const { record } = found;
  if (record === undefined) return html`<${Card} title="What became of it"><p><${State} found=${found} /></p><${Facts} rows=${[["Code", html`<code>${found.code}</code>`]]} /><//>`;
  const shown = (key, value) => record[key] !== undefined && value(record[key]);
  return html`
    <p class="lead"><${Sentence} record=${record} /></p>
    <${Card} title="What became of it">
      <${Facts} rows=${[
        ["State", html`<${State} found=${found} />`],
        ["Kind", html`<${Kind} of=${record.kind} />`],
        found.resolved && ["Ended", html`<bdi>${found.resolved}</bdi>`],
        found.hold_until > 0 && ["To be decided until", html`<${Time} at=${found.hold_until} long />`],
        record.kind === "hold" && ["Hold", html`<a href=${link(["holds", found.id])}>how it stands</a>`],
        ["Block", found.in_block ? html`<a href=${link(["blocks", String(found.block)])}>${found.block.toLocaleString("en-US")}</a>, record ${found.position}` : `${found.block.toLocaleString("en-US")}, when it is produced; record ${found.position}`],
        record.time && ["Decided", html`<${Time} at=${record.time} long />`],
        found.applied_index && ["Entry of the log", found.applied_index.toLocaleString("en-US")],
        found.in_block && ["Receipt", html`<a href=${client.origin + path(["transactions", found.id, "receipt"])} download>a file that proves it offline</a> · <a href=${link(["verify"], { id: found.id })}>check it here</a>`],
      ]} />
    <//>
    <${Card} title="Record">
      <${Facts} rows=${[
        ["From", html`<${Account} name=${record.sender} /><${Copy} text=${record.sender ?? ""} label="Copy the sender" />`],
        record.recipient !== undefined && ["To", html`<${Account} name=${record.recipient} /><${Copy} text=${record.recipient} label="Copy the recipient" />`],
        record.account !== undefined && ["Wallet", html`<${Account} name=${record.account} />`],
        shown("amount", (n) => ["Amount", html`<${Amount} value=${n} />`]),
        shown("amount_send", (n) => ["Sent", html`<${Amount} value=${n} />`]),
        shown("amount_bpsc", (n) => ["Fee", html`<${Amount} value=${n} />`]),
        shown("amount_receive", (n) => ["Received", html`<${Amount} value=${n} />`]),
        shown("amount_refund", (n) => ["Given back", html`<${Amount} value=${n} />`]),
        shown("reason", (code) => ["Reason", html`<bdi>${reason(code)}</bdi>`]),
        shown("memo", (text) => ["Memo", text === "" ? html`<span class="none">empty</span>` : html`<q><bdi>${text}</bdi></q>`]),
        shown("hold", (id) => ["Of the hold", html`<${Hash} value=${id} to=${link(["holds", id])} />`]),
        shown("nonce", (text) => ["Nonce", html`<code>${text}</code>`]),
        shown("expires", (at) => ["Could be applied until", clock(at)]),
        shown("public_key", (key) => ["Public key", html`<${Hash} value=${key} whole />`]),
        shown("signature", (text) => ["Signature", html`<${Hash} value=${text} whole />`]),
      ]} />
    <//>`;
}
