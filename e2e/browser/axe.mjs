// What axe finds wrong for those who see or hear a page otherwise (WCAG 2.2 AA, and what is good practice).

import assert from "node:assert/strict";

import { AxeBuilder } from "@axe-core/playwright";

const standard = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** A line for each rule that is broken; of all rules, or of those named. */
export async function violations(page, rules) {
  const axe = new AxeBuilder({ page });
  const found = await (rules ? axe.withRules(rules) : axe.withTags(standard)).analyze();
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
}

/** There is nothing to find in what the page shows now. */
export const accessible = async (page) => assert.deepEqual(await violations(page), []);
