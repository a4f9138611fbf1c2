// One search for everything, and keys for whoever has no mouse.

import assert from "node:assert/strict";
import test from "node:test";

import { api, members, settled, transfer, until, visit } from "./world.mjs";

test("the search finds an index, a hash, an id and a name", async () => {
  const { id } = await transfer("alice", "bob", 2);
  const { index } = await api("/mine", { method: "POST" });
  const { previous_hash: hash } = await api(`/v1/blocks/${index}`);
  await until("the record in its block", async () => (await api(`/v1/transactions/${id}`)).in_block);
  // A browser says of each answer 404 that there was one: the search asks whether there is something.
  await visit(members[0], { allowed: (text) => text.includes("status of 404") }, async ({ page }) => {
    await settled(page);
    for (const [typed, place] of [[`  ${index} `, `#/blocks/${index}`], [hash, `#/blocks/${index - 1}`], [id, `#/transactions/${id}`], ["alice", "#/accounts/alice"]]) {
      await page.keyboard.press("/");
      await page.keyboard.press("Control+A");
      await page.keyboard.type(typed);
      await page.keyboard.press("Enter");
      await page.waitForFunction((hash) => location.hash === hash, place).catch(() => assert.fail(`${typed} leads to ${page.url()}`));
      await settled(page);
    }
  });
});

test("with the keyboard alone: to the content, through the pages, and what has the focus shows it", async () => {
  await visit(members[0], {}, async ({ page }) => {
    await settled(page);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    const reached = new Set();
    await page.reload(); // and from the beginning again
    await settled(page);
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press("Tab");
      const focus = await page.evaluate(() => {
        const at = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(at);
        return { name: at.getAttribute("href") ?? at.name ?? at.tagName, page: Boolean(at.closest("nav.pages")), body: at === document.body, seen: outlineStyle !== "none" && outlineWidth !== "0px" };
      });
      if (focus.body) break;
      assert.ok(focus.seen, `nobody sees that ${focus.name} has the focus`);
      if (focus.page) reached.add(focus.name);
    }
    const nav = await page.locator("nav.pages a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    assert.deepEqual([...reached].sort(), [...nav].sort());
  });
});
