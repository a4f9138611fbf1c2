// Charts of numbers over time, by uPlot, in the colours of the page.
import { html, useEffect, useLayoutEffect, useRef } from "./html.mjs";
import { part, usePart } from "./later.mjs";

const library = part(() => import("../lib/uplot.mjs"));

// Chart draws one series: times in unix seconds and values, and says them in words to
// whoever sees no chart. bars draws bars, else a line; steps a line that stays until the
// next value.
export function Chart({ title, times, values, bars = false, steps = false, format = String, height = 150 }) {
  const { value, error } = usePart(library);
  const uPlot = value?.default;
  const place = useRef(null);
  const plot = useRef(null);
  const data = useRef(null);
  data.current = [times, values];
  const shape = `${bars}-${steps}`;
  // A layout effect: its end comes before the place is taken out of the document.
  useLayoutEffect(() => {
    if (!uPlot) return undefined;
    const at = place.current;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(uPlot, at, { bars, steps, format, height }), data.current, at);
    };
    make();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: at.clientWidth, height }));
    resized.observe(at);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const theme = new MutationObserver(make);
    dark.addEventListener("change", make);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      resized.disconnect();
      theme.disconnect();
      dark.removeEventListener("change", make);
      plot.current.destroy();
      plot.current = null;
    };
  }, [uPlot, shape]);
  useEffect(() => plot.current?.setData(data.current), [times, values]);
  return html`<figure class="chart"><figcaption>${title}</figcaption>
    <div ref=${place} role="img" aria-label=${title + ". " + inWords(values, format)}></div>
    ${error && html`<p class="small">${inWords(values, format)}</p>`}</figure>`;
}

// inWords is what a series comes to.
export function inWords(values, format) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.length === 0) return "No values yet";
  const least = Math.min(...known), most = Math.max(...known);
  return `${known.length} values from ${format(least)} to ${format(most)}, the last ${format(known.at(-1))}`;
}

// tickText says a time of an axis: the day where the axis spans days, else the time of day.
function tickText(ticks) {
  const span = (ticks.at(-1) ?? 0) - (ticks[0] ?? 0);
  const how = span > 3 * 86400 ? { month: "short", day: "numeric" } : { timeStyle: span < 120 ? "medium" : "short", hourCycle: "h23" };
  const format = new Intl.DateTimeFormat(undefined, how);
  return (t) => format.format(new Date(t * 1000));
}

function options(uPlot, place, { bars, steps, format, height }) {
  const style = getComputedStyle(place);
  const color = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: color("--faint"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  return {
    width: place.clientWidth,
    height,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    padding: [8, 26, 0, 0], // half of a time of day has room beyond the last tick
    scales: { y: { range: (_, least, most) => [Math.min(0, least), most > 0 ? most * 1.1 : 1] } },
    axes: [{ ...axis, grid: { show: false }, size: 26, values: (_, ticks) => ticks.map(tickText(ticks)) }, { ...axis, size: 54, values: (_, ticks) => ticks.map((t) => (t === null ? "" : format(t))) }],
    series: [{}, {
      stroke: color("--accent"),
      width: bars ? 0 : 2,
      fill: bars ? color("--accent") : color("--wash"),
      points: { show: false },
      paths: bars ? uPlot.paths.bars({ size: [0.7, 24, 1] }) : steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
    }],
  };
}
