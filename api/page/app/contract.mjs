// Contracts: the rules of each in plain words, and where its chain stands.
import { html } from "./html.mjs";
import { useLedger, useNow } from "./ledger.mjs";
import { useResource } from "./resource.mjs";
import { Account, Amount, Card, Copy, Facts, Hash, Page, Shown, Time } from "./parts.mjs";
import { Rows } from "./rows.mjs";
import { count } from "./time.mjs";
import { dueText } from "./schedule.mjs";
import { rules } from "./rules.mjs";

// Contracts lists them; of a single one there is the page at once.
export function Contracts() {
  const { contracts } = useLedger();
  const items = contracts.items ?? [];
  if (items.length === 1) return html`<${Contract} params=${{ token: items[0].token }} />`;
  const of = (token) => (token === items[0].token ? undefined : token);
  const columns = [
    { name: "Token", cell: (c) => html`<a href=${"#/contracts/" + encodeURIComponent(c.token) + (of(c.token) ? "?contract=" + encodeURIComponent(c.token) : "")}>${c.token}</a>` },
    { name: "Wallets", class: "wide", cell: (c) => c.contract.wallets },
    { name: "Blocks", class: "number", cell: (c) => (c.length ?? 0).toLocaleString("en-US") },
    { name: "Records", class: "number", cell: (c) => (c.records ?? 0).toLocaleString("en-US") },
    { name: "Newest block", class: "number wide", cell: (c) => html`<${Time} at=${c.tip_timestamp} />` },
  ];
  return html`<${Page} title="Contracts" lead=${`${count(items.length, "contract")} on this cluster, each with a chain of its own.`} path="/v1/contracts">
    <section class="card" aria-label="Contracts"><${Rows} caption="Contracts, the oldest first" columns=${columns} items=${items} keyOf=${(c) => c.token} empty="There is no contract yet." /></section>
  <//>`;
}

export function Contract({ params }) {
  const { tip, info: shown } = useLedger();
  const path = "/v1/contracts/" + encodeURIComponent(params.token);
  const resource = useResource(path, `${tip?.index}-${shown?.pending}`);
  return html`<${Page} title=${`The contract of ${params.token}`} path=${path} key=${params.token}>
    <${Shown} of=${resource}>${(info) => html`<${Found} info=${info} />`}<//>
  <//>`;
}

function Found({ info }) {
  const { contract } = info;
  const { link } = useLedger();
  const now = useNow(500);
  return html`
    <p class="lead">It was fixed when its chain began, and nobody can change it.</p>
    <${Card} title="What it says">
      <ul class="rules">${rules(contract).map((text) => html`<li>${text}</li>`)}</ul>
    <//>
    <${Card} title="Next block" class="due"><p class="big">${dueText(info, now)}</p><p class="small">${info.pending > 0 ? `${count(info.pending, "record")} pending, final already.` : "Nothing is pending."}</p><//>
    <${Card} title="Where its chain stands">
      <${Facts} rows=${[
        ["Chain id", html`<${Hash} value=${info.chain_id} whole />`],
        ["Blocks", html`<a href=${link(["blocks", String(info.length)])}>${info.length?.toLocaleString("en-US")}</a>, the newest <${Time} at=${info.tip_timestamp} />`],
        ["Records", info.records?.toLocaleString("en-US")],
        ["Issued", html`<${Amount} value=${info.totals?.issued} />`],
        ["Burned", html`<${Amount} value=${info.totals?.burned} />`],
        ["Fees in the BPSC's wallet", html`<${Amount} value=${info.totals?.fees} />`],
        ["On hold", html`<${Amount} value=${info.totals?.held} />, ${count(info.open_holds ?? 0, "open hold")}`],
      ]} />
    <//>
    <${Card} title="Who has a part in it">
      <${Facts} rows=${[
        ["The BPSC's wallet", html`<${Account} name=${contract.bpsc} /><${Copy} text=${contract.bpsc} />`],
        contract.issuer && ["Issuer", html`<${Account} name=${contract.issuer} /><${Copy} text=${contract.issuer} />`],
        contract.treasurer && ["Treasurer", html`<${Account} name=${contract.treasurer} /><${Copy} text=${contract.treasurer} />`],
      ]} />
    <//>`;
}
