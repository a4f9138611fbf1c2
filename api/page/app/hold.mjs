// One hold: tokens that were set aside until the recipient decides.
import { html } from "./html.mjs";
import { useLedger, useNow } from "./ledger.mjs";
import { useResource } from "./resource.mjs";
import { Account, Amount, Card, Copy, Facts, Page, Shown, Time } from "./parts.mjs";
import { ago } from "./time.mjs";

const ends = {
  hold_delivered: ["good", "Delivered", "the recipient accepted it"],
  hold_rejected: ["warn", "Rejected", "the recipient sent it back, and the sender has all of it again"],
  hold_expired: ["warn", "Expired", "nobody decided in time, and the sender has all of it again"],
  hold_refunded: ["warn", "Refunded", "it could not be delivered, and the sender has all of it again"],
};

export function Hold({ params }) {
  const { path, link, tip, info } = useLedger();
  const resource = useResource(path(["holds", params.id], { consistency: "local" }), `${tip?.index}-${info?.pending}`);
  return html`<${Page} title="Hold" path=${path(["holds", params.id])} key=${params.id}>
    <p class="id"><code>${params.id}</code><${Copy} text=${params.id} label="Copy the id" /></p>
    <${Shown} of=${resource} missing=${(error) => (error.status === 404 ? html`<p class="notice"><strong>There is no hold of that id.</strong> <a href=${link(["transactions", params.id])}>Look for a transaction</a></p>` : undefined)}>${(hold) => html`
      <p class="lead"><${Account} name=${hold.sender} /> set <${Amount} value=${hold.amount} /> aside for <${Account} name=${hold.recipient} />. <${Left} hold=${hold} /></p>
      <${Card} title="How it stands">
        <${Facts} rows=${[
          ["State", html`<${HoldState} status=${hold.status} />`],
          ["Amount", html`<${Amount} value=${hold.amount} />`],
          ["From", html`<${Account} name=${hold.sender} />`],
          ["For", html`<${Account} name=${hold.recipient} />`],
          ["To be decided until", html`<${Time} at=${hold.hold_until} long />`],
          ["Transaction", html`<a href=${link(["transactions", hold.id])}>by which it came to be</a>`],
        ]} />
        ${hold.status === "pending" && html`<p class="small">The recipient decides with <code>bpsc accept</code> or <code>bpsc reject</code>.</p>`}
      <//>`}<//>
  <//>`;
}

function Left({ hold }) {
  const now = useNow();
  if (hold.status !== "pending") return null;
  return hold.hold_until > now ? `There are ${ago(hold.hold_until - now)} left to decide.` : "The time to decide has passed: it goes back with the next entry.";
}

export function HoldState({ status }) {
  if (status === "pending") return html`<span class="badge warn">Waits</span> for the recipient`;
  const [color, name, text] = ends[status] ?? ["", status, ""];
  return html`<span class=${"badge " + color}><bdi>${name}</bdi></span> ${text}`;
}
