// The nodes that there are: members, and those that somebody has registered.
import { html, useEffect, useState } from "./html.mjs";
import { useLedger, useNow } from "./ledger.mjs";
import { useResource } from "./resource.mjs";
import { Card, Facts, Page, Shown, Table } from "./parts.mjs";
import { ago, count } from "./time.mjs";
import { Rows } from "./rows.mjs";

export function Nodes() {
  const { node, tip } = useLedger();
  return html`<${Page} title="Nodes" lead="Who keeps this ledger, and who has said to be there." path="/v1/nodes">
    ${node.kind === "follower" ? html`<${Sync} version=${tip?.index} />` : html`<${Members} version=${tip?.index} />`}
    <${Registered} />
  <//>`;
}

function Members({ version }) {
  const resource = useResource("/v1/cluster", useTick(2) + "-" + version);
  const columns = [
    { name: "Member", cell: (m) => html`<bdi>${m.id}</bdi>` },
    { name: "Role", cell: (m) => html`<span class=${"badge " + (m.role === "leader" ? "good" : m.role === "unreachable" ? "bad" : "")}>${m.role}</span>` },
    { name: "State", cell: (m) => (m.ready ? "serves" : m.not_ready || "does not answer") },
    { name: "API", class: "wide", cell: (m) => html`<a href=${safe(m.api)}>${m.api}</a>` },
    { name: "Version", class: "wide", cell: (m) => m.version ?? "–" },
  ];
  return html`<${Card} title="Members of the cluster"><${Shown} of=${resource}>${(status) => html`
    <p class="small">${status.leader ? html`<bdi>${status.leader}</bdi> leads, in term ${status.term}.` : "No leader is known."}</p>
    <${Table} caption="Members of the cluster" columns=${columns} items=${status.members} keyOf=${(m) => m.id} />`}<//><//>`;
}

// Sync is how a follower keeps up.
function Sync({ version }) {
  const { token } = useLedger();
  const resource = useResource("/v1/sync", useTick(2) + "-" + version);
  const columns = [
    { name: "Upstream", cell: (u) => html`<a href=${safe(u.url)}>${u.url}</a>` },
    { name: "State", cell: (u) => (u.current ? html`<span class="badge good">in use</span>` : "known") },
    { name: "Blocks", class: "number", cell: (u) => (u.length ?? 0).toLocaleString("en-US") },
  ];
  return html`<${Card} title="Where this follower has its copy from"><${Shown} of=${resource}>${(sync) => {
    const chain = sync.chains.find((c) => c.contract === token);
    if (chain === undefined) return html`<p class="empty">This follower does not follow ${token}.</p>`;
    return html`
      <${Facts} rows=${[
        ["State", chain.synced ? html`<span class="badge good">Up to date</span>` : html`<span class="badge warn">${count(chain.lag, "block")} behind</span>`],
        ["Verified", `${count(chain.length, "block")}, each one with all of its records`],
        ["Covered by a checkpoint", count(chain.checkpoint_size ?? 0, "block")],
        chain.signers?.length > 0 && ["Signed by", chain.signers.join(", ")],
        ["Last contact", html`<${Ago} at=${Date.parse(chain.last_contact) / 1000} />`],
      ]} />
      <${Table} caption="Upstreams of this follower" columns=${columns} items=${chain.upstreams ?? []} keyOf=${(u) => u.url} />`;
  }}<//><//>`;
}

function Ago({ at }) {
  const now = useNow();
  return ago(Math.max(0, now - at)) + " ago";
}

// Registered is the tutorial's directory, a page of it at a time.
function Registered() {
  const { client } = useLedger();
  const [list, setList] = useState({ items: [], next: "", more: true, error: null });
  const [turn, setTurn] = useState("");
  useEffect(() => {
    const stop = new AbortController();
    const query = list.next === "" ? "" : "?after=" + encodeURIComponent(list.next);
    client.get("/v1/nodes" + query, { signal: stop.signal }).then(
      ({ data }) => setList((old) => ({ items: [...old.items, ...data.items], next: data.next ?? "", more: data.next !== undefined, error: null })),
      (error) => { if (!stop.signal.aborted) setList((old) => ({ ...old, more: false, error })); },
    );
    return () => stop.abort();
  }, [client, turn]);
  const columns = [
    { name: "Address", cell: (address) => html`<bdi>${address}</bdi>` },
    { name: "Page", class: "number", cell: (address) => html`<a href=${safe("http://" + address)} rel="nofollow noreferrer">open</a>` },
  ];
  return html`<${Card} title="Registered nodes">
    <p class="small">A directory for people and programs: anybody may add to it, with <code>POST /nodes/register</code>, and no node asks another because it stands here.</p>
    ${list.error && html`<p class="notice warn" role="status">${list.error.message}</p>`}
    <${Rows} caption="Registered nodes" columns=${columns} items=${list.items} keyOf=${(address) => address} more=${list.more} needed=${() => setTurn(list.next)} empty="Nobody has registered a node." />
  <//>`;
}

// safe is an address that leads to a server, whoever wrote it.
function safe(address) {
  return /^https?:\/\//.test(address ?? "") ? address : undefined;
}

// useTick counts, every so many seconds while the page is looked at.
function useTick(seconds) {
  return Math.floor(useNow(seconds * 1000) / seconds);
}
