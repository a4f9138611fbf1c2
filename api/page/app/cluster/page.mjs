// The cluster: how its members are, what happened, and what an operator may do.
import { html, useMemo, useRef, useState } from "../html.mjs";
import { useLedger, useNow, useRepeated } from "../ledger.mjs";
import { Page, Shown } from "../parts.mjs";
import { Chart } from "../chart.mjs";
import { ago } from "../time.mjs";
import { add, sample, series } from "./figures.mjs";
import { noEvents, since, take, takeActions } from "./log.mjs";
import { actionsOf, clusterOf, eventsOf } from "./shape.mjs";
import { health } from "./words.mjs";
import { Members } from "./members.mjs";
import { Leaders, Log } from "./history.mjs";
import { Operate } from "./operate.mjs";
import { header } from "./operator.mjs";

const look = 1000; // ms between looks; members hear of each other twice a second
const slow = 1500; // ms after which somebody wants to know
const lookAtActions = 5000;

// seen is what the page has seen of the cluster, while somebody looks at other pages, too.
const seen = { samples: [], log: noEvents };

export function Cluster() {
  const { client } = useLedger();
  const [state, setState] = useState({ data: undefined, at: 0, error: null, waiting: false });
  const [log, setLog] = useState(seen.log);
  const [asked, retry] = useState(0);
  useRepeated(async (signal) => {
    const patience = setTimeout(() => setState((old) => ({ ...old, waiting: true })), slow);
    try {
      const { data, at, origin } = await client.get("/v1/cluster", { signal });
      const cluster = clusterOf(data);
      seen.samples = add(seen.samples, sample(cluster, at));
      setState({ data: cluster, at, error: null, waiting: false });
      seen.log = await readEvents(client, origin, seen.log, signal);
      setLog(seen.log);
    } catch (error) {
      if (!signal.aborted) setState((old) => ({ ...old, error, waiting: false }));
    } finally {
      clearTimeout(patience);
    }
  }, look, [client, asked]);
  const audit = useActions();
  return html`<${Page} title="Cluster" path="/v1/cluster">
    <${Shown} of=${{ ...state, retry: () => retry((n) => n + 1) }}>${(cluster) => html`
      <${Summary} cluster=${cluster} log=${log} />
      <${Members} cluster=${cluster} />
      <${Charts} samples=${seen.samples} />
      <${Leaders} log=${log} />
      <${Log} log=${log} actions=${audit.actions} showActions=${audit.show} error=${audit.error} />
      <${Operate} cluster=${cluster} did=${audit.again} />`}<//>
  <//>`;
}

// readEvents reads what one member remembers and is not here yet.
async function readEvents(client, origin, log, signal) {
  do {
    const { data } = await client.ask(origin, "/v1/cluster/events?limit=1000" + (log.after > 0 ? "&after=" + log.after : ""), { signal });
    log = take(log, eventsOf(data));
  } while (log.more);
  return log;
}

// useActions reads what operators did, once somebody asks for it: not everybody may. All members
// have the same, and the one that sent the page is asked: the operator's token goes nowhere else.
function useActions() {
  const { client } = useLedger();
  const [state, setState] = useState({ actions: null, error: null });
  const [turn, setTurn] = useState(0); // 0: nobody has asked
  const after = useRef(0);
  useRepeated(async (signal) => {
    if (turn === 0) return;
    try {
      const { data } = await client.ask("", "/v1/audit?limit=1000" + (after.current > 0 ? "&after=" + after.current : ""), { signal, header: header() });
      const page = actionsOf(data);
      if (page.next > 0) after.current = page.next;
      setState((old) => ({ actions: takeActions(old.actions ?? [], page), error: null }));
    } catch (error) {
      if (signal.aborted) return;
      setState((old) => ({ ...old, error }));
      if (!error.retryable) setTurn(0);
    }
  }, lookAtActions, [client, turn]);
  return { ...state, show: () => setTurn((n) => n + 1), again: () => setTurn((n) => (n > 0 || state.error ? n + 1 : n)) };
}

// Summary is what to know first. It is read out where it changes.
function Summary({ cluster, log }) {
  const now = useNow();
  const is = health(cluster);
  const began = since(log.items, cluster.leader, cluster.term);
  return html`<section class="summary" aria-label="The cluster as a whole">
    <p class="first"><span class=${"badge " + is.mark}>${is.word}</span></p>
    <p class="big" aria-live="polite"><bdi>${cluster.health.summary}</bdi></p>
    <p class="lead"><span aria-live="polite">${cluster.leader ? html`<strong><bdi>${cluster.leader}</bdi></strong> leads in term ${cluster.term.toLocaleString("en-US")}` : `Nobody leads, in term ${cluster.term.toLocaleString("en-US")}`}</span>
      ${Number.isFinite(began) && html`<span aria-hidden="true">, for ${ago(Math.max(0, Math.floor(now - began))).replace(".0", "")}</span>`}. ${is.more}</p>
  </section>`;
}

function Charts({ samples }) {
  const s = useMemo(() => series(samples), [samples]);
  if (s.times.length < 2) return null;
  const whole = (n) => n.toLocaleString("en-US", { maximumFractionDigits: n < 10 ? 1 : 0 });
  return html`<section class="charts" aria-label="Charts since this page was opened">
    <${Chart} title="Entries committed a second" times=${s.times} values=${s.commits} format=${whole} />
    <${Chart} title="Apply lag of the slowest member, entries" times=${s.times} values=${s.lags} format=${whole} />
    <${Chart} title="fsync of the slowest member, 99 %, ms" times=${s.times} values=${s.writes} format=${whole} />
  </section>`;
}
