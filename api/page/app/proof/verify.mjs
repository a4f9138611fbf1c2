// The page on which receipts are checked, by the policy that is pinned in this browser.

import { html, useEffect, useState } from "../html.mjs";
import { useLedger } from "../ledger.mjs";
import { Card, Facts, Failure, Hash, Page, Time } from "../parts.mjs";
import { askNode, pins, watch } from "./browser.mjs";
import { encode, toHex } from "./bytes.mjs";
import { originOf, readCheckpoint } from "./checkpoint.mjs";
import { newestOf, numberOf, parseHistory } from "./history.mjs";
import { asFile, fingerprint } from "./pins.mjs";
import { verifyReceipt } from "./receipt.mjs";
import { Refused, asSentence } from "./refused.mjs";
import { Result } from "./result.mjs";

export function Verify({ query }) {
  const { token, chainID } = useLedger();
  const [, setTurn] = useState(0);
  const origin = chainID && originOf(token, chainID);
  const pin = origin ? pins.find(origin) : undefined;
  const changed = () => setTurn((n) => n + 1);
  return html`<${Page} title="Check a receipt" lead="By the policy that is pinned in this browser, and with nothing that a server says. What is checked here is sent nowhere.">
    <${Check} pin=${pin} id=${query.id ?? ""} />
    <${Policy} pin=${pin} changed=${changed} />
    <${Seen} />
  <//>`;
}

/**
 * Checks a receipt by the pin of its chain, and learns new members from the node where that is what is missing.
 * `expected` is what a node was asked for, as verifyReceipt takes it; without one, somebody brought the receipt.
 */
export async function checkReceipt(bytes, pin, { client, token, signal }, expected) {
  const verdict = verifyReceipt(bytes, pins.history(pin), expected);
  if (verdict.ok || !["checkpoint_minority", "recovery_not_accepted"].includes(verdict.code)) return verdict;
  try {
    const query = new URLSearchParams({ contract: token, from: Math.max(1, numberOf(pins.history(pin))) });
    const { data } = await client.get(`/v1/policies?${query}`, { as: "text", accept: "text/plain", signal });
    return verifyReceipt(bytes, pins.learn(pin.hash, data), expected);
  } catch {
    return verdict; // by what is known here
  }
}

function Check({ pin, id }) {
  const ledger = useLedger();
  const { client, path, token, chainID } = ledger;
  const [asked, setAsked] = useState(id);
  const [pasted, setPasted] = useState("");
  const [result, setResult] = useState(null);
  const [error, setError] = useState(null);
  const check = async (read) => {
    setResult(null);
    setError(null);
    try {
      const { bytes, expected } = await read();
      setResult(await checkReceipt(bytes, pin, ledger, expected));
    } catch (fault) {
      setError(fault);
    }
  };
  const fetched = async () => {
    const expected = { id: asked.trim(), token, chain: chainID };
    const { data } = await client.get(path(["transactions", expected.id, "receipt"], { wait: "5s" }), { as: "bytes", accept: "text/plain" });
    return { bytes: data, expected };
  };
  useEffect(() => { if (id !== "" && pin && chainID !== "") check(fetched); }, [id, pin?.hash, chainID]);
  const submit = (event) => {
    event.preventDefault();
    check(pasted.trim() === "" ? fetched : async () => ({ bytes: encode(asFile(pasted)) }));
  };
  const chosen = async (event) => {
    const [file] = event.currentTarget.files;
    if (file) check(async () => ({ bytes: new Uint8Array(await file.arrayBuffer()) }));
  };
  return html`<${Card} title="Receipt">
    ${!pin && html`<p class="notice warn">Nothing can be checked before a policy is pinned, below: it says whose signatures count.</p>`}
    <form class="fields" onSubmit=${submit}>
      <label>Transaction <input name="id" value=${asked} onInput=${(e) => setAsked(e.currentTarget.value)} placeholder="its id: the node is asked for the receipt" spellcheck=${false} autocomplete="off" /></label>
      <label>or a file <input type="file" name="file" onChange=${chosen} disabled=${!pin} /></label>
      <label>or its text <textarea name="text" rows="4" value=${pasted} onInput=${(e) => setPasted(e.currentTarget.value)} placeholder="c2sp.org/tlog-proof@v1 …" spellcheck=${false}></textarea></label>
      <p><button type="submit" disabled=${!pin || (asked.trim() === "" && pasted.trim() === "")}>Check</button></p>
    </form>
    ${error && html`<${Failure} error=${error} />`}
    ${result && html`<${Result} of=${result} />`}
  <//>`;
}

function Policy({ pin, changed }) {
  const { client, token, chainID } = useLedger();
  const [told, setTold] = useState(null); // what the node says; null before it has said it
  const [text, setText] = useState("");
  const [fault, setFault] = useState("");
  useEffect(() => {
    if (pin || chainID === "") return undefined;
    const stop = new AbortController();
    client.get(`/v1/policy?${new URLSearchParams({ contract: token })}`, { as: "text", accept: "text/plain", signal: stop.signal }).then(
      ({ data }) => setTold(data),
      () => setTold(null),
    );
    return () => stop.abort();
  }, [client, token, chainID, pin?.hash]);
  const take = (policy) => {
    try {
      pins.pin(policy);
      setFault("");
      setText("");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setFault(error.message);
    }
    changed();
  };
  const submit = (event) => {
    event.preventDefault();
    take(text);
  };
  const type = (policy) => {
    setText(policy);
    setFault("");
  };
  const chosen = async (event) => {
    const [file] = event.currentTarget.files;
    if (file) type(await file.text());
  };
  return html`<${Card} title="Policy: whose signatures count">
    ${pin ? html`<${Pinned} pin=${pin} changed=${changed} />` : told !== null && html`<${Offered} text=${told} take=${take} />`}
    <form class="fields" onSubmit=${submit}>
      <label>${pin ? "Pin another policy" : "Pin the policy that the operator handed out"} <textarea name="policy" rows="4" value=${text} onInput=${(e) => type(e.currentTarget.value)} placeholder="witness n1 bpsc/n1+…" spellcheck=${false}></textarea></label>
      <label>or its file <input type="file" name="policyfile" onChange=${chosen} /></label>
      ${text.trim() !== "" && html`<p class="small">Its SHA-256, as <code>sha256sum</code> prints it: <code class="fingerprint">${fingerprint(asFile(text))}</code></p>`}
      ${fault && html`<p class="notice bad" role="alert">This is no policy. <bdi>${asSentence(fault)}</bdi></p>`}
      <p><button type="submit" disabled=${text.trim() === ""}>Pin it</button></p>
    </form>
  <//>`;
}

const membersOf = (policy) => `${policy.members.map(({ name }) => name).join(", ")}; ${policy.majority} of them have to sign`;

function Pinned({ pin, changed }) {
  const history = pins.history(pin);
  const newest = newestOf(history);
  const stopped = history.recovery;
  const accept = () => {
    pins.accept(pin.hash, stopped.hash);
    changed();
  };
  const drop = () => {
    pins.drop(pin.hash);
    changed();
  };
  return html`<p>Pinned in this browser. Compare its hash with what the operator handed out: <code>bpsc cluster keys | sha256sum</code>.</p>
    <${Facts} rows=${[
      ["SHA-256", html`<${Hash} value=${pin.hash} whole />`],
      ["Pinned", html`<${Time} at=${pin.at} long />`],
      ["Members", membersOf(history.first)],
      history.steps.length > 0 && ["Members now", `${membersOf(newest)}; those before signed for them (policy ${numberOf(history)})`],
      newest.witnesses.length > 0 && ["Witnesses", `${newest.witnesses.map(({ name }) => name).join(", ")}; ${newest.quorum} of them have to sign`],
      ["Chains", newest.chains.length > 0 ? newest.chains.map(({ token, id }) => html`${token} <${Hash} value=${id} /> `) : "any chain of these members"],
    ]} />
    ${stopped && html`<div class="notice warn"><p><strong>The cluster has lost its majority, and somebody went on.</strong> <bdi>${stopped.recovery.by}</bdi>: <bdi>${stopped.recovery.reason}</bdi>. Ask the operator whether the handover has the hash <code>${stopped.hash}</code>.</p>
      <p><button type="button" class="link" onClick=${accept}>I have asked: go on after this recovery</button></p></div>`}
    <p><button type="button" class="link" onClick=${drop}>Take the pin out</button></p>`;
}

function Offered({ text, take }) {
  let first;
  try {
    ({ first } = parseHistory(text));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return html`<p class="notice bad">The node's own policy is none. <bdi>${asSentence(error.message)}</bdi></p>`;
  }
  return html`<div class="notice warn"><p><strong>Nothing is pinned for this chain.</strong> The node that you read from says that this is its policy. It is worth as much as the way on which it came: compare the hash with what the operator handed out (<code>bpsc cluster keys | sha256sum</code>).</p></div>
    <${Facts} rows=${[
      ["SHA-256", html`<${Hash} value=${fingerprint(text)} whole />`],
      ["Members", membersOf(first)],
      first.chains.length > 0 && ["Chain", first.chains.map(({ token, id }) => html`${token} <${Hash} value=${id} />`)],
    ]} />
    <p><button type="button" class="button" onClick=${() => take(text)}>Pin what the node says</button></p>`;
}

// What this browser holds the nodes to, and what it cannot know.
function Seen() {
  const { client, token, origin } = useLedger();
  const [state, setState] = useState(null);
  useEffect(() => setState(null), [token]);
  const seen = token === "" ? null : watch.seen(token);
  const checkpoint = seen && readCheckpoint(seen.note).checkpoint;
  const look = async () => {
    try {
      setState(await watch.look(token, askNode(client, origin), origin || location.origin));
    } catch (error) {
      setState({ state: "unknown", says: error.message });
    }
  };
  const says = { first: "This is the first checkpoint that this browser sees.", extends: "It continues what this browser saw before.", none: "There is no checkpoint yet." };
  return html`<${Card} title="What this browser saw before" extra=${html`<button type="button" class="button quiet" onClick=${look}>Look now</button>`}>
    <p>Every few seconds the newest checkpoint is held against the one before: its log has to begin with that one's. If it does not, a red banner stands above every page.</p>
    ${checkpoint && html`<${Facts} rows=${[
      ["Newest checkpoint", `${checkpoint.size.toLocaleString("en-US")} blocks`],
      ["Root", html`<${Hash} value=${toHex(checkpoint.root)} />`],
      ["Seen", html`<${Time} at=${seen.at} long />`],
    ]} />`}
    ${state && html`<p role="status">${state.says || says[state.state]}</p>`}
    <p class="small">All of this is checked here, by a program that came from the node that sent this page (release <code>${release()}</code>). Who wants to depend on no member opens the page from a follower
      of their own, or compares what the node sends with the source: every file is served as it lies in <code>api/page</code>.</p>
  <//>`;
}

// The hash of all files of the page, which is in the address of each.
const release = () => new URL(import.meta.url).pathname.split("/")[2];
