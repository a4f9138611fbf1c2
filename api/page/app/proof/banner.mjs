// The red banner above every page: what a node shows now is not what this browser saw before.

import { html, useEffect, useState } from "../html.mjs";
import { useLedger, useRepeated } from "../ledger.mjs";
import { clock } from "../time.mjs";
import { askNode, saveFile, watch } from "./browser.mjs";

const every = 5000; // ms between two looks; checkpoints follow blocks within about a second

export function ForkBanner() {
  const { client, token, origin, broke } = useLedger();
  const [, setTurn] = useState(0);
  const [behind, setBehind] = useState("");
  useRepeated(async (signal) => {
    if (token === "") return;
    try {
      const { state, says } = await watch.look(token, askNode(client, origin, signal), origin || location.origin);
      if (signal.aborted) return;
      setBehind(state === "behind" ? says : "");
      setTurn((n) => n + 1);
    } catch {
      // A node that does not answer has shown nothing; other notices say that it is gone.
    }
  }, every, [client, token, origin]);
  // That a chain does not hold together is remembered until somebody says to forget it.
  useEffect(() => {
    if (broke === null) return;
    watch.sawBreak(broke.token, broke.index, broke.node);
    setTurn((n) => n + 1);
  }, [broke]);
  const alarm = token === "" ? null : watch.alarm(token);
  const forget = () => {
    watch.forget(token);
    setTurn((n) => n + 1);
  };
  return html`${alarm && html`<div class="notice bad fork" role="alert">
      <p><strong>Do not trust this node.</strong> It fails the check of this browser: <bdi>${alarm.says}</bdi>.</p>
      <p class="small">${alarm.code} · ${alarm.node} · ${clock(alarm.at)}</p>
      <p>Keep what you have, and ask whoever runs the cluster. If the ledger was made anew, forget what this browser knows of the old one.</p>
      <p>${alarm.evidence && html`<button type="button" class="link" onClick=${() => saveFile(`${token}.evidence.json`, alarm.evidence)}>Save the evidence</button> <span class="small">(for <code>bpsc evidence verify</code>)</span> · `}
        <button type="button" class="link" onClick=${forget}>Forget what this browser saw of ${token}</button></p>
    </div>`}
    ${!alarm && behind && html`<div class="notice warn" role="status"><p>${behind}</p></div>`}`;
}
