// What a follower knows of the cluster: the nodes that it copies from.
import { html, useState } from "../html.mjs";
import { useLedger, useNow, useRepeated } from "../ledger.mjs";
import { Card, Facts, Page, Shown, Table, Time } from "../parts.mjs";
import { Said } from "./members.mjs";
import { syncOf } from "./shape.mjs";
import { seconds, synced, upstream } from "./words.mjs";

const look = 2000; // ms

export function Upstreams() {
  const { client } = useLedger();
  const [state, setState] = useState({ data: undefined, at: 0, error: null, waiting: false });
  useRepeated(async (signal) => {
    try {
      const { data, at } = await client.get("/v1/sync", { signal });
      setState({ data: syncOf(data), at, error: null, waiting: false });
    } catch (error) {
      if (!signal.aborted) setState((old) => ({ ...old, error }));
    }
  }, look, [client]);
  const lead = "This is a follower: a node outside of the cluster, which copies its chains and verifies all of them. How the members are, they say themselves.";
  return html`<${Page} title="Upstreams" lead=${lead} path="/v1/sync">
    <${Shown} of=${state}>${(sync) => sync.chains.length === 0 ? html`<p class="empty">It follows no chain yet.</p>` : sync.chains.map((c) => html`<${Chain} key=${c.contract} of=${c} />`)}<//>
  <//>`;
}

function Chain({ of: c }) {
  const now = useNow();
  const is = synced(c);
  const columns = [
    { name: "Node", cell: (u) => /^https?:\/\//.test(u.url) ? html`<a href=${u.url + "/#/cluster"} rel="noreferrer"><bdi>${u.url}</bdi></a>` : html`<bdi>${u.url}</bdi>` },
    { name: "State", cell: (u) => { const s = upstream(u, now); return html`<${Said} ...${s} />${s.why && html`<div class="small why"><bdi>${s.why}</bdi></div>`}`; } },
    { name: "Blocks", class: "number", cell: (u) => u.length > 0 ? u.length.toLocaleString("en-US") : "–" },
  ];
  return html`<${Card} title=${html`<bdi>${c.contract}</bdi>`} extra=${html`<span class=${"badge " + is.mark}>${is.word}</span>`}>
    <${Facts} rows=${[
      ["Blocks here, all verified", c.length.toLocaleString("en-US")],
      ["Blocks at the upstream", c.upstream_length.toLocaleString("en-US")],
      ["Last answer of an upstream", html`<${Time} at=${seconds(c.last_contact)} />`],
      ["Newest verified checkpoint", c.checkpoint_size > 0 ? `${c.checkpoint_size.toLocaleString("en-US")} blocks, signed by ${c.signers.join(", ")}` : "None yet"],
      c.refusals.length > 0 && ["Answers not taken", c.refusals.map(([why, n]) => `${n} ${why.replaceAll("_", " ")}`).join(", ")],
      c.evidence.length > 0 && ["Evidence", html`<${Said} mark="bad" word=${c.evidence.join(", ")} />`],
    ]} />
    <${Table} caption=${"Nodes that " + c.contract + " is copied from"} columns=${columns} items=${c.upstreams} keyOf=${(u) => u.url} />
  <//>`;
}
