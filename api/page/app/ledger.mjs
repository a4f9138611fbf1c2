// What all pages share: the client, which contract is looked at, where its chain stands,
// and the links between pages.
import { createContext, useContext, useEffect, useMemo, useRef, useState } from "./html.mjs";
import { follow, nothing } from "./live.mjs";
import { format } from "./router.mjs";

export const Ledger = createContext(null);
export const useLedger = () => useContext(Ledger);

const look = 2000; // ms between looks at what no event tells: pending records, totals
const spacing = 300; // ms between looks for new blocks
const others = 30000; // ms between looks at the list of contracts

// useLedgerState keeps what Ledger holds up to date. wanted is the contract that the
// address names, "" for the default one.
export function useLedgerState(client, node, wanted) {
  const [contracts, setContracts] = useState({ items: null, error: null });
  const [info, setInfo] = useState({ value: null, at: 0, error: null });
  const [live, setLive] = useState({ ...nothing, status: "connecting", why: "" });
  const [broke, setBroke] = useState(null); // the last block that broke a chain: { token, index, node }
  const [origin, setOrigin] = useState(client.origin);
  const [turn, setTurn] = useState(0); // grows when a token has been given
  useEffect(() => client.onMove(setOrigin), [client]);

  useRepeated(async (signal) => {
    try {
      const { data } = await client.get("/v1/contracts", { signal });
      setContracts({ items: data.items, error: null });
    } catch (error) {
      if (!signal.aborted) setContracts((old) => ({ ...old, error }));
    }
  }, contracts.items?.length > 0 ? others : look, [client, turn]);

  const token = wanted || contracts.items?.[0]?.token || "";
  const tip = live.heads.at(-1)?.index ?? 0;
  useRepeated(async (signal) => {
    if (token === "") return;
    try {
      const { data, at } = await client.get("/v1/contracts/" + encodeURIComponent(token), { signal });
      setInfo({ value: data, at, error: null });
    } catch (error) {
      if (!signal.aborted) setInfo((old) => ({ ...old, error }));
    }
  }, look, [client, token, turn], [tip]);

  const current = info.value?.token === token ? info.value : null;
  const chainID = current?.chain_id ?? "";
  useFollowed({ client, token, chainID, length: current?.length ?? 0, turn, setLive, setBroke });

  return useMemo(() => ({
    client, node, origin, contracts, info: current, infoAt: info.at, error: info.error ?? contracts.error, token, live, broke,
    decimals: current?.contract.decimals ?? 0,
    signed: current?.contract.wallets !== "open",
    tip: live.heads.at(-1) ?? null,
    // length is the newest that anybody has said.
    length: Math.max(live.heads.at(-1)?.index ?? 0, current?.length ?? 0),
    chainID,
    reload: () => setTurn((n) => n + 1),
    // link is the address of a page about the contract that is looked at.
    link: (parts, query = {}) => format(parts, { ...query, contract: token === contracts.items?.[0]?.token ? undefined : token }),
    // path is the address of the same in the API.
    path: (parts, query = {}) => {
      const given = Object.entries({ contract: token, ...query }).filter(([, value]) => value !== undefined && value !== "");
      return "/v1/" + parts.map(encodeURIComponent).join("/") + (given.length > 0 ? "?" + new URLSearchParams(given) : "");
    },
  }), [client, node, origin, contracts, current, info, token, live, broke, chainID]);
}

// useFollowed follows a chain while somebody looks at the page. What came meanwhile is
// asked for when they look again: browsers have few connections for all pages of a server.
function useFollowed({ client, token, chainID, length, turn, setLive, setBroke }) {
  const seen = useVisible();
  const known = useRef({ chainID: "", ...nothing });
  useEffect(() => {
    if (chainID === "" || !seen) return undefined;
    const stop = new AbortController();
    const before = known.current.chainID === chainID ? { heads: known.current.heads, broken: known.current.broken } : nothing;
    known.current = { chainID, ...before };
    let asked = false;
    const changed = (state) => {
      if (state.broken !== known.current.broken) setBroke({ token, index: state.broken, node: client.origin || location.origin });
      known.current = { chainID, heads: state.heads, broken: state.broken };
      if (asked) return;
      asked = true; // a thousand blocks are shown at once
      requestAnimationFrame(() => { asked = false; setLive({ ...state }); });
    };
    follow({ client, token, chainID, length, before, signal: stop.signal, changed });
    return () => stop.abort();
  }, [client, token, chainID, turn, seen]);
}

// useVisible tells whether the page is looked at, or was some seconds ago.
function useVisible() {
  const [seen, setSeen] = useState(true);
  useEffect(() => {
    let timer = 0;
    const changed = () => {
      clearTimeout(timer);
      if (!document.hidden) setSeen(true);
      else timer = setTimeout(() => setSeen(false), 10000);
    };
    document.addEventListener("visibilitychange", changed);
    return () => { clearTimeout(timer); document.removeEventListener("visibilitychange", changed); };
  }, []);
  return seen;
}

// useRepeated does something now, every so often while the page is looked at, and soon
// after one of sooner has changed. One is under way at a time.
export function useRepeated(work, every, deps, sooner = []) {
  const again = useRef(() => {});
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0, busy = false, last = 0, asked = false;
    const run = async () => {
      clearTimeout(timer);
      if (busy || stop.signal.aborted) { asked = true; return; }
      busy = true;
      asked = false;
      last = Date.now();
      if (!document.hidden) await work(stop.signal);
      busy = false;
      if (!stop.signal.aborted) timer = setTimeout(run, asked ? spacing : every);
    };
    again.current = () => {
      clearTimeout(timer);
      if (busy) asked = true;
      else timer = setTimeout(run, Math.max(0, spacing - (Date.now() - last)));
    };
    run();
    return () => { clearTimeout(timer); stop.abort(); };
  }, deps);
  useEffect(() => again.current(), sooner);
}

// useNow is the time in seconds, as often as asked for.
export function useNow(every = 1000) {
  const [now, setNow] = useState(Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) setNow(Date.now() / 1000); }, every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
