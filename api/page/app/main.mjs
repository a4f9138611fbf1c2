// Where the page begins.
import { html, render, useEffect, useErrorBoundary, useState } from "./html.mjs";
import { createClient } from "./api.mjs";
import { Ledger, useLedgerState } from "./ledger.mjs";
import { match, parse } from "./router.mjs";
import { peersOf } from "./peers.mjs";
import { routes } from "./routes.mjs";
import { Footer, Header, Notices, TokenForm } from "./frame.mjs";
import { fetchAll, later, shown } from "./later.mjs";
import { Page } from "./parts.mjs";
import { token } from "./token.mjs";

const ForkBanner = later("ForkBanner", () => import("./proof/banner.mjs"), { beside: true });

const told = (name) => document.querySelector(`meta[name="bpsc-${name}"]`)?.content ?? "";
const node = { kind: told("node"), version: told("version") };
const client = createClient({
  origins: ["", ...peersOf(location.origin, told("peers"))],
  fetch: (...asked) => window.fetch(...asked),
  token: token.get,
});

function App() {
  const [place, setPlace] = useState(() => parse(location.hash));
  useEffect(() => {
    const moved = () => {
      setPlace(parse(location.hash));
      window.scrollTo(0, 0);
    };
    window.addEventListener("hashchange", moved);
    return () => window.removeEventListener("hashchange", moved);
  }, []);
  const ledger = useLedgerState(client, node, place.query.contract ?? "");
  const [stands, setStands] = useState(false); // the first view, and stays so
  const answered = ledger.info !== null || ledger.error !== null;
  useEffect(() => {
    if (answered && !stands) shown().then(() => setStands(true)).then(fetchAll);
  }, [answered]);
  const found = match(routes.filter((row) => !row.nodes || row.nodes === node.kind), place.parts);
  return html`<${Ledger.Provider} value=${ledger}>
    <a class="skip" href="#main" onClick=${toMain}>To the content</a>
    <${Header} place=${place} routes=${routes} />
    <main id="main" tabindex="-1">
      ${stands && html`<${ForkBanner} />`}
      <${Notices} />
      <${Guarded} key=${location.hash}>
        ${ledger.info === null && (ledger.error?.status === 401 || ledger.error?.status === 403)
          ? html`<${TokenForm} error=${ledger.error} />`
          : found ? html`<${found.row.Page} params=${found.params} query=${place.query} />` : html`<${Unknown} />`}
      <//>
    </main>
    <${Footer} />
  <//>`;
}

// toMain leaves the address alone, which says what is shown.
function toMain(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function Unknown() {
  return html`<${Page} title="Nothing here">
    <p>This page has nothing under that address. <a href="#/">To the beginning</a></p>
  <//>`;
}

// Guarded keeps a fault of one page from taking the rest with it.
function Guarded({ children }) {
  const [error] = useErrorBoundary((fault) => console.warn(fault));
  if (!error) return children;
  return html`<div class="notice bad" role="alert"><p><strong>This page has a fault.</strong> <bdi>${String(error.message ?? error)}</bdi></p></div>`;
}

render(html`<${App} />`, document.getElementById("app"));
