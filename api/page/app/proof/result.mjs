// What came of a check, step by step.

import { html } from "../html.mjs";
import { Ledger, useLedger } from "../ledger.mjs";
import { Facts, Hash, Sentence, Time } from "../parts.mjs";
import { asProven, isLookedAt } from "./proven.mjs";

const titles = { file: "The file", signatures: "Signatures and quorum", log: "The block in the log", block: "The record in the block", owner: "The owner's signature", asked: "What was asked for" };

export function Result({ of }) {
  const ledger = useLedger();
  const { link } = ledger;
  const here = of.ok && isLookedAt(ledger, of);
  return html`<div class="result" role="status">
    <p class=${"verdict notice " + (of.ok ? "good" : "bad")}><strong>${of.ok ? "It holds." : "It is not believed."}</strong> ${of.ok
      ? html`<${Ledger.Provider} value=${asProven(ledger, of)}><${Sentence} record=${JSON.parse(of.record)} /><//>`
      : html`<bdi>${of.steps.at(-1).says}</bdi> <code>${of.code}</code>`}</p>
    <ol class="steps">${of.steps.map(({ name, holds, says }) => html`<li class=${holds ? "holds" : "fails"}>
      <strong>${holds ? "✓" : "✗"} ${titles[name]}</strong> <span><bdi>${says}</bdi></span></li>`)}</ol>
    ${of.ok && html`<${Facts} rows=${[
      ["Block", here ? html`<a href=${link(["blocks", String(of.block)])}>${of.block.toLocaleString("en-US")}</a>` : of.block.toLocaleString("en-US")],
      ["Produced", html`<${Time} at=${of.timestamp} long />`],
      ["Transaction", of.fields.has("id") && html`<${Hash} value=${of.fields.get("id")} to=${here && link(["transactions", of.fields.get("id")])} />`],
      ["Chain", html`${of.token} <${Hash} value=${of.chain} />`],
      ["Signed by", of.signers.members.map(({ name }) => name).join(", ") + ` of ${of.memberCount}`],
      of.signers.witnesses.length > 0 && ["Witnessed by", of.signers.witnesses.map(({ name }) => name).join(", ")],
      ["Checkpoint", `${of.checkpoint.size.toLocaleString("en-US")} blocks`],
    ]} />`}
  </div>`;
}
