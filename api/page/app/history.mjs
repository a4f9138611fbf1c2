// The records of an account, a page at a time, and the new ones as they come.
import { useCallback, useEffect, useRef, useState } from "./html.mjs";
import { useLedger } from "./ledger.mjs";

const size = 500; // records of a page

// useHistory returns { items, more, needed, error, retry }: what is here, whether there is
// more, and what brings it. version changes when there may be new records.
export function useHistory(name, filter, version) {
  const { client, path, chainID } = useLedger();
  const [state, setState] = useState({ items: [], next: "", more: true, error: null });
  const [turn, setTurn] = useState(0);
  const busy = useRef(false);
  const query = { ...filter, consistency: "local", limit: String(size) };
  const whole = [client, chainID, name, filter.kind, filter.direction, filter.order, turn];
  const now = useRef(state);
  now.current = state;

  const read = useCallback(async (after, signal) => {
    const { data } = await client.get(path(["accounts", name, "transactions"], after === "" ? query : { ...query, after }), { signal });
    return data;
  }, whole);

  useEffect(() => {
    if (chainID === "") return undefined;
    const stop = new AbortController();
    busy.current = true;
    setState({ items: [], next: "", more: true, error: null });
    read("", stop.signal).then(
      (page) => { setState({ items: page.items, next: page.next ?? "", more: page.next !== undefined, error: null }); busy.current = false; },
      (error) => { if (!stop.signal.aborted) { setState((old) => ({ ...old, more: false, error })); busy.current = false; } },
    );
    return () => stop.abort();
  }, whole);

  const needed = useCallback(() => {
    const { next, more } = now.current;
    if (busy.current || !more || next === "") return;
    busy.current = true;
    read(next).then(
      (page) => setState((old) => (old.next !== next ? old : { items: [...old.items, ...page.items], next: page.next ?? "", more: page.next !== undefined, error: null })),
      (error) => setState((old) => ({ ...old, error })),
    ).finally(() => { busy.current = false; });
  }, [read]);

  const latest = useRef(read);
  latest.current = read;
  const [looked, look] = useState(0);
  // What is new stands in front, or at the end of what is read oldest first.
  const begun = useRef(version);
  useEffect(() => {
    if (begun.current === version || busy.current) return undefined;
    begun.current = version;
    if (filter.order === "asc") {
      setState((old) => (old.more ? old : { ...old, more: old.items.length > 0, next: old.items.at(-1)?.cursor ?? "" }));
      if (now.current.items.length === 0) setTurn((n) => n + 1);
      return undefined;
    }
    // One look at a time, however fast the chain grows; what comes meanwhile the next one sees.
    busy.current = true;
    const asked = read;
    asked("").then(
      (page) => { if (latest.current === asked) setState((old) => join(old, page)); },
      (error) => { if (latest.current === asked) setState((old) => ({ ...old, error })); },
    ).finally(() => { if (latest.current === asked) { busy.current = false; look((n) => n + 1); } });
    return undefined;
  }, [version, looked]);

  return { ...state, needed, retry: () => setTurn((n) => n + 1) };
}

// join puts the newest page in front of what is here. Where they do not meet, more has
// come than a page holds: then the page is all there is, until more is asked for.
export function join(old, page) {
  const fresh = new Set(page.items.map((item) => item.cursor));
  const rest = old.items.findIndex((item) => fresh.has(item.cursor));
  if (rest < 0 && old.items.length > 0 && page.next !== undefined) {
    return { items: page.items, next: page.next, more: true, error: null };
  }
  const kept = old.items.filter((item) => !fresh.has(item.cursor));
  const next = kept.length > 0 ? old.next : (page.next ?? "");
  return { items: [...page.items, ...kept], next, more: kept.length > 0 ? old.more : page.next !== undefined, error: null };
}
