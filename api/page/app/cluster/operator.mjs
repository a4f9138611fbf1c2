// The token of whoever operates the cluster. It is kept in memory and is gone with the
// page, unless they want it kept until the tab is closed. It goes to the node that is
// asked to do something or what was done, and nowhere else.
import { html, useState } from "../html.mjs";
import { session } from "../storage.mjs";

const key = "bpsc-operator-token";
let text = session.getItem(key) ?? "";

// header is what a request carries for the operator, nothing where there is no token.
export function header() {
  return text === "" ? {} : { Authorization: "Bearer " + text };
}

export const has = () => text !== "";

function keep(value, inTab) {
  text = value;
  if (inTab && value !== "") session.setItem(key, value);
  else session.removeItem(key);
}

// Token is the field for it. changed is called when it is another one.
export function Token({ changed }) {
  const [value, setValue] = useState("");
  const [inTab, setInTab] = useState(session.getItem(key) !== null);
  const [known, setKnown] = useState(has());
  const take = (next) => {
    keep(next, inTab);
    setKnown(next !== "");
    setValue("");
    changed();
  };
  if (known) {
    return html`<p class="token" role="status"><span class="badge good">Token given</span> ${inTab ? "Kept until this tab is closed." : "Kept in memory, until this page is left or loaded again."}
      <button type="button" class="link" onClick=${() => take("")}>Forget it</button></p>`;
  }
  return html`<form class="token fieldset" onSubmit=${(event) => { event.preventDefault(); take(value.trim()); }}>
    <label><span>Token with the role <code>operate</code></span>
      <input type="password" autocomplete="off" spellcheck=${false} value=${value} onInput=${(e) => setValue(e.currentTarget.value)} required /></label>
    <label class="check"><input type="checkbox" checked=${inTab} onChange=${(e) => setInTab(e.currentTarget.checked)} /> Keep it until this tab is closed</label>
    <button type="submit" class="button quiet">Use it</button>
    <p class="small">None is needed on the member's own machine, as long as the cluster has no token with that role and no operator's secret.</p>
  </form>`;
}
