// What happened: who led when, and the log.
import { html, useState } from "../html.mjs";
import { useNow } from "../ledger.mjs";
import { Card, Time } from "../parts.mjs";
import { ago, clock } from "../time.mjs";
import { entries, leaderships } from "./log.mjs";

const span = 600; // seconds that the strip shows at most
const shown = 30; // entries before somebody wants more

// Leaders is a strip of who led within the last ten minutes, as far as is known. The log says the same in
// words, so that it is only named for who does not see it.
export function Leaders({ log }) {
  const now = useNow(2000);
  const turns = leaderships(log.items, now - span, now);
  if (turns.length === 0) return null;
  const length = ago(Math.round(now - turns[0].from)).replace(".0", "");
  const members = [...new Set(turns.map((t) => t.member).filter(Boolean))].sort();
  const said = turns.map((t) => (t.member ? `${t.member} in term ${t.term}` : "nobody")).join(", then ");
  const width = (t) => ({ flexGrow: Math.max(0, t.to - t.from) });
  return html`<figure class="leaders"><figcaption>Who led in the last ${length}</figcaption>
    <div class="turns" role="img" aria-label=${said}>
      ${turns.map((t) => html`<span key=${t.term + t.member + t.from} class=${"turn " + (t.member ? "m" + (members.indexOf(t.member) % 3) : "nobody")} style=${width(t)}
        title=${t.member ? `${t.member} led in term ${t.term}, from ${clock(t.from)}` : `Nobody led, from ${clock(t.from)}`}>${t.member && html`<span><bdi>${t.member}</bdi> · term ${t.term}</span>`}</span>`)}
    </div></figure>`;
}

export function Log({ log, actions, showActions, error }) {
  const [all, setAll] = useState(false);
  const list = entries(log.items, actions ?? []);
  return html`<${Card} title="What happened" extra=${actions === null && html`<button type="button" class="button quiet" onClick=${showActions}>Show operators' actions</button>`}>
    ${error && html`<p class="notice warn" role="alert">What operators did is not shown: <bdi>${error.message}</bdi> (${error.code}). Give a token below.</p>`}
    ${list.length === 0 ? html`<p class="empty">Nothing yet.</p>` : html`<ol class="log" aria-label="The newest first">${list.slice(0, all ? list.length : shown).map((e) => html`<li key=${e.key}>
      <span class=${"badge " + (e.mark || "other")}>${e.name}</span><span class="what"><bdi>${e.text}</bdi></span><span class="when small"><${Time} at=${e.at} /></span></li>`)}</ol>`}
    ${!all && list.length > shown && html`<p><button type="button" class="button quiet" onClick=${() => setAll(true)}>Show all ${list.length}</button></p>`}
    <p class="small">As <bdi>${log.member || "the member that is asked"}</bdi> has seen it, by its clock${log.began && html`, since it started <${Time} at=${Date.parse(log.began) / 1000} />`}.${actions !== null && " What operators did is the cluster's, by its own time."}</p>
  <//>`;
}
