// The members of the cluster, a card each.
import { html, useId } from "../html.mjs";
import { useNow } from "../ledger.mjs";
import { ago } from "../time.mjs";
import * as words from "./words.mjs";

// Said is a word, coloured by its mark; the word says it without the colour, too.
export function Said({ mark, word }) {
  return mark ? html`<span class=${"said " + mark}><bdi>${word}</bdi></span>` : html`<bdi>${word}</bdi>`;
}

export function Members({ cluster }) {
  const now = useNow();
  return html`<section aria-label="Members" class="members">${cluster.members.map((m) => html`<${Member} key=${m.id + m.instance} m=${m} now=${now} asked=${m.id === cluster.id} />`)}</section>`;
}

function Member({ m, now, asked }) {
  const title = useId();
  const state = words.state(m);
  const heard = m.role !== "unreachable";
  const rows = !heard ? [["Raft", html`<bdi>${m.raft}</bdi>`], ["Vote", m.voter ? "It has one" : "It has none"]] : [
    ["Leader heard", words.contact(m)],
    ["Applied", m.applied.toLocaleString("en-US")],
    ["Committed", m.commit.toLocaleString("en-US")],
    ["Lag", html`<${Said} ...${words.lag(m)} />`],
    ["State", html`<${Said} ...${words.agreement(m)} />`],
    ["Snapshot", words.snapshot(m, now)],
    ["Disk", html`<${Said} ...${words.disk(m)} />`],
    ["fsync, 99 %", html`<${Said} ...${words.writing(m)} />`],
    ["Clock", html`<${Said} ...${words.clockOff(m)} />`],
    ["Certificates", m.certificates.length > 0 ? words.certificates(m, now).map((c) => html`<div><${Said} ...${c} /></div>`) : "None: plain connections"],
    ["Version", html`<bdi>${m.version || "–"}</bdi>${m.level_active ? `, level ${m.level_active} of ${m.level_supported}` : ""}`],
    ["Running for", m.began ? ago(Math.max(0, Math.floor(now - words.seconds(m.began)))).replace(".0", "") : "–"],
    ["Address", html`<bdi>${(m.api || m.raft).replace(/^https?:\/\//, "")}</bdi>`],
  ];
  return html`<article class=${"card member " + (m.role === "leader" ? "leads" : "")} aria-labelledby=${title}>
    <div class="bar"><h2 id=${title}><bdi>${m.id}</bdi>${asked && html` <span class="small">(asked)</span>`}</h2><span class=${"badge " + (state.mark || "other")}>${state.word}</span></div>
    <p class="does"><bdi>${m.role === "leader" && html`<svg class="crown" viewBox="0 0 16 16" aria-hidden="true"><path d="M2 12V5l3 3 3-5 3 5 3-3v7z" /></svg> `}${words.role(m)}${m.replacing ? ", and is being replaced" : ""}</bdi></p>
    ${state.why && html`<p class="small why"><bdi>${state.why}</bdi></p>`}
    <dl class="mini">${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  </article>`;
}
