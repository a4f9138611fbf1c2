// A list of ten thousand rows: what of it is in the document, and what a step of scrolling does.

import assert from "node:assert/strict";
import test from "node:test";

import { api, members, settled, until, visit } from "./world.mjs";

const rows = 10_000;
const step = 120; // pixels a frame: a quick finger's
const frames = 240;

// A block of ten thousand records, or of nearly as many, as the schedule may cut the batch in two.
async function longBlock() {
  const transactions = Array.from({ length: rows }, (_, i) => ({ sender: `sender ${i}`, recipient: `recipient ${i}`, amount: i + 1, memo: "one of many" }));
  const { results } = await api("/v1/transactions:batch", { method: "POST", body: { transactions } });
  const found = await until("a long block", async () => {
    const { length } = await api("/v1/contracts/aka");
    const indexes = [...new Set(results.map(({ block }) => block))].filter((index) => index <= length);
    const sizes = await Promise.all(indexes.map(async (index) => (await api(`/v1/blocks/${index}`)).transactions.length));
    return sizes.some((size) => size > rows / 2) && [indexes, sizes];
  });
  const [indexes, sizes] = found;
  const longest = Math.max(...sizes);
  return { index: indexes[sizes.indexOf(longest)], length: longest };
}

// Scrolls by so much a frame, and tells of rows: the most that were in the document, those that were put
// in, and changes to those that were there; of time: frames, and tasks of more than 50 ms.
const scroll = async ([step, frames]) => {
  const body = document.querySelector("table.rows tbody");
  let put = 0, most = 0, touched = 0;
  const note = (records) => {
    for (const { target, addedNodes } of records) {
      if (target === body) put += [...addedNodes].filter((node) => !node.classList.contains("gap")).length;
      else if (!target.closest(".gap")) touched++;
    }
  };
  const seen = new MutationObserver(note);
  seen.observe(body, { subtree: true, childList: true, attributes: true });
  const long = [];
  const tasks = new PerformanceObserver((list) => long.push(...list.getEntries().map(({ duration }) => duration)));
  tasks.observe({ type: "longtask" });
  const frame = () => new Promise(requestAnimationFrame);
  const took = [];
  const from = scrollY;
  let at = await frame();
  for (let i = 0; i < frames; i++) {
    scrollBy(0, step);
    const now = await frame();
    took.push(now - at);
    at = now;
    most = Math.max(most, body.rows.length);
  }
  note(seen.takeRecords());
  seen.disconnect();
  tasks.disconnect();
  took.sort((a, b) => a - b);
  const ms = (n) => Math.round(n * 10) / 10;
  return { put, most, touched, far: Math.abs(scrollY - from), median: ms(took[frames >> 1]), p95: ms(took[Math.floor(frames * 0.95)]), long: long.length, longest: ms(Math.max(0, ...long)) };
};

test("ten thousand rows go by: those in sight are in the document, each is made once, and no step goes over all of them", async (t) => {
  const block = await longBlock();
  await visit(`${members[0]}/#/blocks/${block.index}`, {}, async ({ page, context }) => {
    await settled(page);
    const cdp = await context.newCDPSession(page);
    await cdp.send("Performance.enable");
    const spent = async () => Object.fromEntries((await cdp.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value * 1000]));
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight / 2));
    await page.evaluate(scroll, [step, 20]); // compiled by now
    const before = await spent();
    const down = await page.evaluate(scroll, [step, frames]);
    const after = await spent();
    const each = (name) => ((after[name] - before[name]) / frames).toFixed(1);
    t.diagnostic(`${block.length} rows, ${JSON.stringify(down)}`);
    t.diagnostic(`ms a frame: script ${each("ScriptDuration")}, style ${each("RecalcStyleDuration")}, layout ${each("LayoutDuration")}, all tasks ${each("TaskDuration")}`);

    // And back, while calls are counted.
    await cdp.send("Profiler.enable");
    await cdp.send("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
    const up = await page.evaluate(scroll, [-step, frames]);
    const { result } = await cdp.send("Profiler.takePreciseCoverage");
    const calls = result.filter(({ url }) => url.endsWith("/app/rows.mjs")).flatMap(({ functions }) => functions.map(({ functionName, ranges }) => ({ functionName, count: ranges[0].count })));
    const most = calls.reduce((a, b) => (a.count > b.count ? a : b));
    t.diagnostic(`most often called of app/rows.mjs: ${most.functionName || "a function without a name"}, ${most.count} times in ${frames} frames`);

    const { sight, height } = await page.evaluate(() => ({ sight: innerHeight, height: document.querySelector("table.rows tbody tr:not(.gap)").offsetHeight }));
    const inSight = Math.ceil(sight / height);
    for (const { far, put, most: inDocument, touched } of [down, up]) {
      assert.equal(far, step * frames);
      assert.ok(inDocument <= inSight + 40, `${inDocument} rows are in the document, where ${inSight} are in sight`);
      assert.ok(put >= far / height - inSight && put <= far / height + inSight, `${put} rows were made where ${Math.round(far / height)} went by`);
      assert.equal(touched, 0, "a row that stays is not touched");
    }
    // More often than for each row in the document it is called for rows that nobody sees.
    assert.ok(most.count <= 3 * (inSight + 40) * frames, `${most.functionName} was called ${most.count} times in ${frames} frames`);
    const ends = await page.evaluate(async () => {
      scrollTo(0, document.body.scrollHeight);
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      return [...document.querySelectorAll("table.rows tbody tr:not(.gap)")].at(-1).ariaRowIndex;
    });
    assert.equal(Number(ends), block.length + 1, "the last row is there at the end");
  });
});
