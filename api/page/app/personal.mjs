// The personal chain of a follower: what its owner has put there.
import { html, useState } from "./html.mjs";
import { useLedger, useRepeated } from "./ledger.mjs";
import { Card, Failure, Hash, Page, Stale, Time } from "./parts.mjs";
import { count } from "./time.mjs";

const step = 50; // blocks that are shown at a time

export function Personal() {
  const { client } = useLedger();
  const [chain, setChain] = useState({ blocks: null, length: 0, at: 0, error: null });
  const [shown, setShown] = useState(step);
  useRepeated(async (signal) => {
    try {
      const { data: { length } } = await client.get("/chain2?limit=1", { signal });
      const from = Math.max(1, length - shown + 1);
      const { data, at } = await client.get(`/chain2?from=${from}&limit=${shown}`, { signal });
      setChain({ blocks: data.chain2.reverse(), length: data.length, at, error: null });
    } catch (error) {
      if (!signal.aborted) setChain((old) => ({ ...old, error }));
    }
  }, 2000, [client, shown]);
  const { blocks, length, at, error } = chain;
  return html`<${Page} title="Personal chain" path="/chain2"
    lead="This follower's own chain: any JSON, in blocks that its owner forges. It has nothing to do with the ledger.">
    ${error && (blocks ? html`<${Stale} at=${at} error=${error} />` : html`<${Failure} error=${error} />`)}
    ${blocks && html`<p class="small">${count(length, "block")}. Put something into the next one with <code>POST /information/new</code>, and forge it with <code>GET /mine</code>.</p>`}
    ${blocks?.map((block) => html`<${Card} key=${block.index2} title=${"Block " + block.index2.toLocaleString("en-US")} extra=${html`<span class="small"><${Time} at=${block.timestamp} /></span>`}>
      ${block.information.length === 0 ? html`<p class="empty">Nothing is in it.</p>` : html`<ul class="information">${block.information.map((item) => html`<li><pre><bdi>${JSON.stringify(item.information, null, 2)}</bdi></pre></li>`)}</ul>`}
      <p class="small">After ${block.previous_hash.length < 64 ? html`<code>${block.previous_hash}</code>` : html`<${Hash} value=${block.previous_hash} />`}</p>
    <//>`)}
    ${blocks && length > blocks.length && html`<p><button type="button" class="button quiet" onClick=${() => setShown(shown + step)}>Older blocks</button></p>`}
  <//>`;
}
