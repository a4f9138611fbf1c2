// What axe finds wrong for those who see or hear a page otherwise (WCAG 2.2 AA, and what is good practice).

import assert from "node:assert/strict";

import axe from "axe-core";

const standard = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** A line for each rule that is broken; of all rules, or of those named. */
export async function violations(page, rules) {
  // It stays in the window from one page of the page to the next, and there is no frame: what builds and
  // carries the results of each look through a second window takes longer than looking.
  if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axe.source);
  const runOnly = rules ? { type: "rule", values: rules } : { type: "tag", values: standard };
  const found = await page.evaluate(async (options) => {
    const { violations } = await window.axe.run(document, options);
    return violations.map(({ id, nodes }) => ({ id, html: nodes.map((node) => node.html) }));
  }, { runOnly, resultTypes: ["violations"] });
  return found.map(({ id, html }) => `${id}: ${html.map((text) => text.slice(0, 160)).join(" | ")}`);
}

/** There is nothing to find in what the page shows now. */
export const accessible = async (page) => assert.deepEqual(await violations(page), []);
