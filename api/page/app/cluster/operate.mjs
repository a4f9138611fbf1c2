// What an operator does: an action is chosen, the server says what would happen, and then
// it is done, for the configuration that was looked at.
import { html, useEffect, useId, useRef, useState } from "../html.mjs";
import { useLedger } from "../ledger.mjs";
import { Card, Copy, Table } from "../parts.mjs";
import { activation, actions, asPreviewed, command, missing, request } from "./actions.mjs";
import { has, header, Token } from "./operator.mjs";

const patience = 45000; // ms; a replacement waits 20 s for the member that takes the place

export function Operate({ cluster, did }) {
  const [, tokenChanged] = useState(0);
  return html`<${Card} title="Operate">
    <p>What you do here is noted in the audit log. The line below each action does the same from a terminal.</p>
    <${Token} changed=${() => { tokenChanged((n) => n + 1); did(); }} />
    <${Action} cluster=${cluster} did=${did} />
  <//>`;
}

function Action({ cluster, did }) {
  const { client, origin } = useLedger();
  const [name, setName] = useState("transfer-leader");
  const [fields, setFields] = useState({});
  const [preview, setPreview] = useState(null); // { at, fields, answer }
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState("");
  const [end, setEnd] = useState(null); // { answer } or { error }
  const [changed, setChanged] = useState(false); // somebody has changed the members since
  const action = actions[name];
  const asked = useRef(null);
  const choose = (next) => { setName(next); setFields({}); again(); };
  const turn = useRef(0); // grows when something else is asked for
  const again = () => { turn.current++; setPreview(null); setTyped(""); setEnd(null); };
  const set = (field, value) => { setFields((old) => ({ ...old, [field]: value })); again(); };
  const at = preview?.at ?? 0;
  const meant = preview?.fields ?? fields; // what was previewed is what is done
  useEffect(() => setChanged(at > 0 && at !== cluster.configuration), [at, cluster.configuration]);

  const send = async (dry) => {
    setBusy(dry ? "Asking what would happen…" : "Doing it…");
    setEnd(null);
    const { method, path, body } = request(name, meant, { dry, at });
    const mine = turn.current;
    const late = () => dry && mine !== turn.current; // the form asks for something else by now
    try {
      const { data } = await client.operate(path, body, { method, header: header(), timeout: patience, as: method === "DELETE" ? "text" : "json" });
      if (late()) return setBusy("");
      if (dry) setPreview({ at: data.level === undefined ? cluster.configuration : 0, fields: asPreviewed(fields, data), answer: data });
      else { setPreview(null); setTyped(""); setEnd({ answer: data }); did(); }
    } catch (error) {
      if (!late()) setEnd({ error, dry });
    }
    setBusy("");
    asked.current?.focus();
    return undefined;
  };
  const submit = (event) => {
    event.preventDefault();
    if (busy === "") send(Boolean(action.dry) && preview === null);
  };
  const due = !action.dry || preview !== null; // the next press does it
  const what = String(fields[action.typed] ?? "").trim();
  const lacks = missing(name, fields);
  const blocked = busy !== "" || lacks !== undefined || (due && action.typed !== undefined && typed !== what);
  const line = command(name, meant, { server: origin || location.origin, token: has(), at });
  return html`<form class="action" onSubmit=${submit}>
    ${origin !== "" && html`<p class="notice warn" role="status">The member that sent this page did not answer as it should, and operators act through no other: open the page <a href=${origin + "/#/cluster"}>from ${origin}</a>.</p>`}
    <div class="fieldset">
      <label>Action <select value=${name} onChange=${(e) => choose(e.currentTarget.value)}>${Object.entries(actions).map(([key, a]) => html`<option key=${key} value=${key}>${a.title}</option>`)}</select></label>
      ${action.asks.map((ask) => html`<${Field} key=${name + ask.name} ask=${ask} value=${fields[ask.name]} members=${cluster.members} set=${(value) => set(ask.name, value)} />`)}
    </div>
    ${action.hint && html`<p class="small">${action.hint}</p>`}
    <p class="line"><span class="small">The same from a terminal</span> <code>${line}</code><${Copy} text=${line} label="Copy the command" /></p>
    <div ref=${asked} tabindex="-1" class="outcome" aria-live="polite">
      ${busy && html`<p class="wait">${busy}</p>`}
      ${preview && html`<h3>What would happen</h3><${Outcome} answer=${preview.answer} />
        ${changed && html`<p class="notice warn">Somebody has changed the members since; this will be refused. <button type="button" class="link" onClick=${again}>Look again</button></p>`}`}
      ${end?.answer !== undefined && html`<div class="notice good"><p><strong>Done.</strong></p></div><${Outcome} answer=${end.answer} done />`}
      ${end?.error && html`<${Refused} of=${end} />`}
    </div>
    ${due && action.typed && lacks === undefined && html`<label class="confirm"><span>This cannot be undone. Type <code>${what}</code> to go on</span> <input autocomplete="off" spellcheck=${false} value=${typed} onInput=${(e) => setTyped(e.currentTarget.value)} /></label>`}
    <p class="buttons"><button type="submit" class=${action.typed && due ? "danger" : ""} disabled=${blocked}>${due ? action.title : "Say what would happen"}</button>
      ${preview && html` <button type="button" class="button quiet" onClick=${again}>Leave it</button>`}</p>
  </form>`;
}

function Field({ ask, value, members, set }) {
  const hint = useId();
  if (ask.is === "flag") return html`<label class="check"><input type="checkbox" checked=${Boolean(value)} onChange=${(e) => set(e.currentTarget.checked)} /> ${ask.label}</label>`;
  if (ask.is === "member") {
    return html`<label>${ask.label} <select value=${value ?? ""} onChange=${(e) => set(e.currentTarget.value)} required=${ask.required}>
      <option value="">${ask.empty ?? "Choose"}</option>${members.map((m) => html`<option key=${m.id} value=${m.id}>${m.id}</option>`)}</select></label>`;
  }
  return html`<label>${ask.label} <input type="text" inputmode=${ask.is === "number" ? "numeric" : undefined} pattern=${ask.is === "number" ? "[0-9]*" : undefined} autocomplete="off" spellcheck=${false}
    required=${ask.required} value=${value ?? ""} onInput=${(e) => set(e.currentTarget.value)} aria-describedby=${ask.example && hint} />${ask.example && html`<span class="small" id=${hint}>as ${ask.example}</span>`}</label>`;
}

const columns = [
  { name: "Step", cell: (s) => html`<bdi>${s.what}</bdi>` },
  { name: "Voters", cell: (s) => html`<bdi>${s.voters.map((v) => v.replace(/~(.{8}).*/, "~$1")).join(" ")}</bdi>` },
  { name: "Majority", class: "number", cell: (s) => s.quorum },
  { name: "Reachable", class: "number", cell: (s) => s.reachable },
  { name: "May fail", class: "number", cell: (s) => s.can_lose },
];

// Outcome is what the server says that it did, or would.
function Outcome({ answer, done = false }) {
  if (typeof answer !== "object" || answer === null) return null;
  if (answer.level !== undefined) return html`<p>${activation(answer)}</p>`;
  return html`${answer.steps?.length > 0 && html`<div class="scroll"><${Table} caption="Steps" columns=${columns} items=${answer.steps.map((step, i) => ({ ...step, i }))} keyOf=${(s) => s.i} /></div>`}
    ${done && answer.index > 0 && html`<p class="small">The configuration is that of entry ${answer.index.toLocaleString("en-US")}.</p>`}`;
}

// Refused says why nothing was done, or that nobody knows.
function Refused({ of: { error, dry } }) {
  const unknown = !dry && (error.code === "outcome_unknown" || error.status === 0);
  const lead = unknown ? "Nobody knows whether it was done." : error.code === "token_required" ? "A token is needed." : error.status === 401 || error.status === 403 ? "The token does not suffice." : dry ? "It would be refused." : "It was not done.";
  return html`<div class=${"notice " + (unknown ? "warn" : "bad")} role="alert">
    <p><strong>${lead}</strong> <bdi>${error.message}</bdi>${/[.!?]$/.test(error.message) ? "" : "."}</p>
    <p class="small"><code>${error.code}</code>${error.requestID && html` · request <code>${error.requestID}</code>`}${unknown && " · look at the members above before you ask again"}</p>
  </div>`;
}
