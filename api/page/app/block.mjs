// One block.
import { html } from "./html.mjs";
import { useLedger } from "./ledger.mjs";
import { useResource } from "./resource.mjs";
import { Amount, Card, Facts, Hash, Neighbours, Page, Shown, Time } from "./parts.mjs";
import { Records } from "./rows.mjs";
import { count } from "./time.mjs";
import { why } from "./sentence.mjs";

export function Block({ params }) {
  const ledger = useLedger();
  const { link, path, length, chainID, live } = ledger;
  const index = Number(params.index);
  const known = Number.isSafeInteger(index) && index > 0 && chainID !== "";
  const here = known && index <= length;
  // A block of a chain never changes, so its address names the chain.
  const address = path(["blocks", params.index], { chain: chainID });
  const resource = useResource(here ? address : null);
  const before = html`<${Neighbours} what="blocks" before=${here && index > 1 && link(["blocks", String(index - 1)])}
    after=${here && index < length && link(["blocks", String(index + 1)])} />`;
  const title = `Block ${known ? index.toLocaleString("en-US") : params.index}`;
  if (chainID !== "" && !here) {
    return html`<${Page} title=${title} before=${before}><p class="notice">${known
      ? `There is no block ${index.toLocaleString("en-US")} yet: the chain has ${count(length, "block")}. This page shows it when it comes.` : "That is no index of a block: they are 1, 2, 3 …"}</p><//>`;
  }
  const hash = live.heads.find((head) => head.index === index)?.hash ?? live.heads.find((head) => head.index === index + 1)?.previous_hash;
  return html`<${Page} title=${title} before=${before} path=${address} key=${index}>
    <${Shown} of=${resource}>${(block) => html`
      <p class="lead">${count(block.transactions.length, "record")}, <${Time} at=${block.timestamp} />. ${why(block.trigger)}</p>
      <${Card} title="Block">
        <${Facts} rows=${[
          ["Produced", html`<${Time} at=${block.timestamp} long />`],
          ["Hash", hash ? html`<${Hash} value=${hash} whole />` : html`<${HashOf} index=${index} />`],
          ["Previous hash", block.previous_hash.length < 64 ? html`<code>${block.previous_hash}</code> <span class="small">there is none before it</span>` : html`<${Hash} value=${block.previous_hash} to=${link(["blocks", String(index - 1)])} whole />`],
          block.transactions_root && ["Root of its records", html`<${Hash} value=${block.transactions_root} whole />`],
          ["Produced because", block.trigger],
          block.totals && ["Totals after it", html`<span class="totals">issued <${Amount} value=${block.totals.issued} bare />, burned <${Amount} value=${block.totals.burned} bare />, fees <${Amount} value=${block.totals.fees} bare />, on hold <${Amount} value=${block.totals.held} bare /></span>`],
          block.contract && ["Contract", html`<a href=${link(["contracts", block.contract.token])}>the rules of ${block.contract.token}</a>`],
        ]} />
      <//>
      <${Card} title=${count(block.transactions.length, "record")}>
        <${Records} records=${block.transactions} caption=${`The records of block ${index}`} empty="Nothing happened in this block." />
      <//>`}
    <//>
  <//>`;
}

// HashOf is the hash of a block as the one after it names it, or the chain's tip.
function HashOf({ index }) {
  const { path, length, info, chainID } = useLedger();
  const last = index >= length;
  const { data } = useResource(last ? null : path(["blocks", String(index + 1)], { chain: chainID }));
  return html`<${Hash} value=${last ? info.length === index && info.tip : data?.previous_hash} whole />`;
}
