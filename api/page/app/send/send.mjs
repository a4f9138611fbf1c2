// The page on which something is sent: in an open contract by names, in a signed one with a key file
// that is opened here.

import { html, useEffect, useRef, useState } from "../html.mjs";
import { part } from "../later.mjs";
import { useLedger } from "../ledger.mjs";
import { HoldState } from "../hold.mjs";
import { Account, Amount, Card, Failure, Hash, Page, Shown, Time } from "../parts.mjs";
import { useResource } from "../resource.mjs";
import { originOf } from "../proof/checkpoint.mjs";
import { pins, watch } from "../proof/browser.mjs";
import { Refused, asSentence } from "../proof/refused.mjs";
import { Result } from "../proof/result.mjs";
import { checkReceipt } from "../proof/verify.mjs";
import { addressFault } from "./address.mjs";
import { whyNot, whyNotHold } from "./guard.mjs";
import { openKeyFile } from "./keyfile.mjs";
import { submit } from "./submit.mjs";
import { expiry, memoFault, nameFault, newKey, openBody, openID, readAmount, signTransaction } from "./transaction.mjs";

// The reader of key files comes with the rest of the page: somebody may open a key once the member is
// dead that sent the page.
part(() => import("../../lib/age.mjs"));

export function Send({ query }) {
  const { info, signed, token } = useLedger();
  if (!info?.chain_id) return html`<${Page} title="Send"><p class="wait" role="status">Loading…</p><//>`;
  return html`<${Page} title="Send" lead=${signed
    ? "The key file is opened in this page and signs here. It is never sent, and nothing of it is kept."
    : "Names of this contract are free text and nothing is signed: it is for trying out, not for value."}>
    ${signed ? html`<${Signed} key=${`${token} ${info.chain_id}`} query=${query} />` : html`<${Open} key=${token} query=${query} />`}
  <//>`;
}

// Field is an input with its label and what is wrong with it.
function Field({ label, name, value, set, fault, ...rest }) {
  return html`<label>${label}
    <input name=${name} value=${value} onInput=${(e) => set(e.currentTarget.value)} aria-invalid=${fault ? "true" : undefined} aria-describedby=${fault ? `${name}-fault` : undefined}
      autocomplete="off" spellcheck=${false} ...${rest} />
    ${fault && html`<span class="fault" id=${`${name}-fault`}>${fault}.</span>`}
  </label>`;
}

// useForm keeps what was typed; faults are shown once somebody has tried to send.
function useForm(initial) {
  const [values, setValues] = useState(initial);
  const [tried, setTried] = useState(false);
  const set = (name) => (value) => setValues((old) => ({ ...old, [name]: value }));
  return { values, set, tried, setTried };
}

function Open({ query }) {
  const { decimals } = useLedger();
  const form = useForm({ sender: query.from ?? "", recipient: query.to ?? "", amount: query.amount ?? "", memo: "" });
  const [sending, setSending] = useState(null);
  const { values, set, tried } = form;
  const amount = readAmount(values.amount, decimals);
  const faults = { sender: nameFault(values.sender), recipient: nameFault(values.recipient), amount: amount.fault ?? "", memo: memoFault(values.memo) };
  const shown = (name) => (tried ? faults[name] : "");
  const send = (event) => {
    event.preventDefault();
    form.setTried(true);
    if (Object.values(faults).some(Boolean)) return;
    const key = newKey();
    setSending({ id: openID(key), idempotencyKey: key, body: openBody({ ...values, amount: amount.amount }) });
  };
  return html`<${Card} title="Transfer">
    <form class="fields" onSubmit=${send} novalidate>
      <${Field} label="From" name="sender" value=${values.sender} set=${set("sender")} fault=${shown("sender")} />
      <${Field} label="To" name="recipient" value=${values.recipient} set=${set("recipient")} fault=${shown("recipient")} />
      <${Field} label="Amount" name="amount" value=${values.amount} set=${set("amount")} fault=${shown("amount")} inputmode="decimal" />
      <${Field} label="Memo (optional, public)" name="memo" value=${values.memo} set=${set("memo")} fault=${shown("memo")} />
      <p><button type="submit">Send</button></p>
    </form>
    ${sending && html`<${Progress} key=${sending.id} of=${sending} />`}
  <//>`;
}

const kinds = [["transfer", "Transfer"], ["hold", "Hold: the recipient decides"], ["accept", "Accept a hold"], ["reject", "Reject a hold"], ["issue", "Issue new tokens (issuer)"]];

function Signed({ query }) {
  const [key, setKey] = useState(null);
  return key ? html`<${Signing} of=${key} close=${() => setKey(null)} query=${query} />` : html`<${KeyFile} opened=${setKey} />`;
}

function KeyFile({ opened }) {
  const [state, setState] = useState({ busy: false, fault: "" });
  const file = useRef(null);
  const passphrase = useRef(null);
  const open = async (event) => {
    event.preventDefault();
    const [chosen] = file.current.files;
    if (!chosen) return setState({ busy: false, fault: "A key file is expected, such as those that bpsc wallet new makes." });
    setState({ busy: true, fault: "" });
    await painted(); // what follows keeps the page for about a second
    try {
      opened(await openKeyFile(new Uint8Array(await chosen.arrayBuffer()), passphrase.current.value));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setState({ busy: false, fault: asSentence(error.message) });
    }
    return undefined;
  };
  return html`<${Card} title="Your key">
    <form class="fields" onSubmit=${open} autocomplete="off">
      <label>Key file <input type="file" name="keyfile" ref=${file} /></label>
      <label>Passphrase <input type="password" name="passphrase" ref=${passphrase} autocomplete="off" /></label>
      <p><button type="submit" disabled=${state.busy}>${state.busy ? "Opening…" : "Open"}</button></p>
      <p class="small">It lies where <code>bpsc wallet list</code> says. Opening takes about a second, so that guessing takes long.</p>
    </form>
    ${state.fault && html`<p class="notice bad" role="alert">${state.fault}</p>`}
  <//>`;
}

const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

function Signing({ of: key, close, query }) {
  const { decimals, info, chainID, token, path, link } = useLedger();
  const form = useForm({ kind: kinds.some(([kind]) => kind === query.kind) ? query.kind : "transfer", recipient: query.to ?? "", amount: query.amount ?? "", memo: "", hold: query.hold ?? "", hours: "24" });
  const [sending, setSending] = useState(null);
  const [refused, setRefused] = useState("");
  const account = useResource(path(["accounts", key.address]), sending?.id ?? 0);
  const { values, set, tried } = form;
  const resolves = values.kind === "accept" || values.kind === "reject";
  const holdID = resolves && /^[0-9a-f]{64}$/.test(values.hold.trim()) ? values.hold.trim() : "";
  const hold = useResource(holdID === "" ? null : path(["holds", holdID]), sending?.id ?? 0);
  const undecidable = holdID === "" ? "" : whyNotHold(hold.data, holdID, key.address);
  const amount = readAmount(values.amount, decimals);
  const faults = resolves
    ? { hold: holdID !== "" ? "" : "The id of a hold has 64 hex digits" }
    : { recipient: addressFault(values.recipient.trim()), amount: amount.fault ?? "", memo: memoFault(values.memo),
        hours: values.kind !== "hold" || (Number(values.hours) >= 1 && Number(values.hours) <= 2160) ? "" : "A hold lasts 1 to 2,160 hours" };
  const shown = (name) => (tried ? faults[name] : "");
  const send = (event) => {
    event.preventDefault();
    form.setTried(true);
    setRefused("");
    if (Object.values(faults).some(Boolean)) return;
    const now = Date.now() / 1000;
    const chainNow = info.time ?? now;
    const expires = expiry(now, chainNow);
    const why = whyNot({ pins, alarm: watch.alarm(token), token, chainID, expires }) || undecidable;
    if (why) return setRefused(why);
    const fields = resolves ? { kind: values.kind, hold: holdID } : {
      kind: values.kind, recipient: values.recipient.trim(), amount: amount.amount,
      ...(values.memo && { memo: values.memo }), ...(values.kind === "hold" && { hold_until: expiry(now, chainNow, Number(values.hours) * 3600) }),
    };
    const { id, body } = signTransaction(fields, { key, chainID, expires });
    setSending({ id, body });
    return undefined;
  };
  return html`<${Card} title="Sign and send" extra=${html`<button type="button" class="button quiet" onClick=${close}>Close the key</button>`}>
    <p>Signing for <${Account} name=${key.address} />${account.data && html`, which has <${Amount} value=${account.data.balance} />`}, on the chain <code class="fingerprint">${chainID}</code>, ${pins.named(originOf(token, chainID)) === chainID ? "which a policy names that is pinned here" : html`which the node calls ${token}: compare it with what the operator handed out, or <a href=${link(["verify"])}>pin a policy</a> that names it`}.</p>
    <form class="fields" onSubmit=${send} novalidate>
      <label>What <select name="kind" value=${values.kind} onChange=${(e) => set("kind")(e.currentTarget.value)}>${kinds.map(([kind, name]) => html`<option value=${kind}>${name}</option>`)}</select></label>
      ${resolves ? html`<${Field} label="The hold's id" name="hold" value=${values.hold} set=${set("hold")} fault=${shown("hold")} /><${TheHold} of=${hold} />` : html`
        <${Field} label="To" name="recipient" value=${values.recipient} set=${set("recipient")} fault=${shown("recipient")} placeholder="bpsc1…" />
        <${Field} label="Amount" name="amount" value=${values.amount} set=${set("amount")} fault=${shown("amount")} inputmode="decimal" />
        ${values.kind === "hold" && html`<${Field} label="Back after so many hours" name="hours" value=${values.hours} set=${set("hours")} fault=${shown("hours")} inputmode="numeric" />`}
        <${Field} label="Memo (optional, public)" name="memo" value=${values.memo} set=${set("memo")} fault=${shown("memo")} />`}
      <p><button type="submit" disabled=${undecidable !== ""}>Sign and send</button>${hold.data && undecidable && html` <span class="fault">${undecidable}</span>`}</p>
    </form>
    ${refused && html`<p class="notice bad" role="alert">${refused}</p>`}
    ${sending && html`<${Progress} key=${sending.id} of=${sending} />`}
  <//>`;
}

// TheHold is what is accepted or rejected, as it stands now.
function TheHold({ of }) {
  if (!of.path) return null;
  return html`<${Shown} of=${of}>${(hold) => html`<p role="status">It sets <${Amount} value=${hold.amount} /> of <${Account} name=${hold.sender} /> aside for <${Account} name=${hold.recipient} />, until <${Time} at=${hold.hold_until} long />. <${HoldState} status=${hold.status} /></p>`}<//>`;
}

// Progress sends one transaction and follows it: final, in its block, and proven.
function Progress({ of }) {
  const ledger = useLedger();
  const { client, path, link, length, info } = ledger;
  const [state, setState] = useState({ stage: "sending", tries: 1 });
  const [turn, setTurn] = useState(0);
  const lookup = path(["transactions", of.id]);
  useEffect(() => {
    const stop = new AbortController();
    setState({ stage: "sending", tries: 1 });
    submit({
      client, path: path(["transactions"]), lookup, id: of.id, body: of.body, idempotencyKey: of.idempotencyKey, signal: stop.signal,
      tell: ({ tries, problem }) => setState({ stage: "sending", tries: tries + 1, problem }),
    }).then(
      ({ answer, tries }) => setState({ stage: "final", answer, tries }),
      (error) => { if (!stop.signal.aborted) setState({ stage: error.unknown ? "unknown" : "refused", error }); },
    );
    return () => stop.abort();
  }, [of.id, turn]);
  const block = state.answer?.block;
  const inBlock = block !== undefined && length >= block;
  return html`<div role="status" aria-label="What became of it"><ol class="steps progress">
    <li class=${state.stage === "final" ? "holds" : state.stage === "sending" ? "waits" : "fails"}>
      ${state.stage === "sending" && html`<strong>Sending${state.tries > 1 ? `, try ${state.tries}` : ""}…</strong> ${state.problem && html`<span><bdi>${state.problem.message}</bdi>. It is sent again with the same id, so it happens once.</span>`}`}
      ${state.stage === "refused" && html`<strong>✗ Refused.</strong> <span><bdi>${state.error.message}</bdi> <code>${state.error.code}</code></span>`}
      ${state.stage === "unknown" && html`<strong>✗ Nobody says what became of it.</strong> <span><bdi>${state.error.message}</bdi>. To send the same again is safe. <button type="button" class="link" onClick=${() => setTurn((n) => n + 1)}>Send the same again</button></span>`}
      ${state.stage === "final" && html`<strong>✓ Final.</strong> <span>A majority of the members has it on disk. <${Hash} value=${of.id} to=${link(["transactions", of.id])} /></span>`}
    </li>
    ${state.stage === "final" && html`<li class=${inBlock ? "holds" : "waits"}>${inBlock
      ? html`<strong>✓ In block <a href=${link(["blocks", String(block)])}>${block.toLocaleString("en-US")}</a>.</strong>`
      : html`<strong>Waiting for block ${block.toLocaleString("en-US")}…</strong> <${Produce} contract=${info.contract} />`}</li>`}
    ${inBlock && html`<${Receipt} id=${of.id} />`}
  </ol></div>`;
}

// Produce asks for the block, where the contract makes none by itself.
function Produce({ contract }) {
  const { client, token } = useLedger();
  const [error, setError] = useState(null);
  const scheduled = contract.schedule?.every || contract.schedule?.transactions;
  if (scheduled || contract.on_request === false) return null;
  const mine = async () => {
    try {
      setError(null);
      await client.send(`/mine?${new URLSearchParams({ contract: token })}`, "");
    } catch (problem) {
      setError(problem);
    }
  };
  return html`<span>This contract produces blocks when somebody asks. <button type="button" class="link" onClick=${mine}>Produce it now</button> ${error && html`<bdi>${error.message}</bdi>`}</span>`;
}

// Receipt fetches the receipt and checks it by the pin; without one, it says where to get one.
function Receipt({ id }) {
  const ledger = useLedger();
  const { client, path, link, token, chainID } = ledger;
  const [state, setState] = useState({});
  const pin = pins.find(originOf(token, chainID));
  useEffect(() => {
    const stop = new AbortController();
    const options = { as: "bytes", accept: "text/plain", signal: stop.signal, timeout: 12_000 };
    client.get(path(["transactions", id, "receipt"], { wait: "5s" }), options).then(
      async ({ data }) => {
        try {
          setState({ bytes: data, result: pin && await checkReceipt(data, pin, ledger, { id, token, chain: chainID }) });
        } catch (fault) {
          setState({ fault }); // of the check, and not of the sending
        }
      },
      (error) => { if (!stop.signal.aborted) setState({ error }); },
    );
    return () => stop.abort();
  }, [id, pin?.hash]);
  const { error, fault, bytes, result } = state;
  const there = html`<a href=${link(["verify"], { id })}>Check its receipt</a>`;
  if (error) return html`<li class="fails"><${Failure} error=${error} /> ${there}</li>`;
  if (fault) return html`<li class="fails"><strong>✗ This page could not check its receipt.</strong> <span><bdi>${String(fault.message ?? fault)}</bdi>. ${there}</span></li>`;
  if (!bytes) return html`<li class="waits"><strong>Waiting for its receipt…</strong> <span>The members verify the block and sign.</span></li>`;
  if (!result) return html`<li class="holds"><strong>✓ The receipt is there.</strong> <span>${there}: a policy has to be pinned in this browser first.</span></li>`;
  return html`<li class=${result.ok ? "holds" : "fails"}><strong>${result.ok ? "✓ Its receipt holds." : "✗ Its receipt does not hold."}</strong> <${Result} of=${result} /></li>`;
}
