// What comes while the page is open: new blocks, a leader that dies, and its successor.

import assert from "node:assert/strict";
import test from "node:test";

import { accessible } from "./axe.mjs";
import { api, cluster, died, goTo, leader, members, settled, shoot, transfer, until, visit, whole } from "./world.mjs";

// When the page first showed each block, by the clock of this machine.
const remember = () => {
  window.shownAt = {};
  const look = () => {
    const text = document.querySelector(".tip .number")?.textContent.replace(/\D/g, "");
    if (text && !(text in window.shownAt)) window.shownAt[text] = performance.timeOrigin + performance.now();
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
};

const shown = (page, index) => page.waitForFunction((n) => Number(document.querySelector(".tip .number")?.textContent.replace(/\D/g, "")) >= n, index, { polling: "raf" });

test("a new block is there soon after it was acknowledged", async (t) => {
  await visit(members[1], {}, async ({ page }) => {
    await settled(page);
    await page.evaluate(remember);
    const delays = [];
    for (let i = 0; i < 15; i++) {
      for (let n = 0; n <= (i * 7) % 5; n++) await transfer("alice", "bob", 10 + n, "rent");
      const { index } = await api("/mine", { method: "POST" });
      const acknowledged = performance.timeOrigin + performance.now();
      await shown(page, index);
      const at = await page.evaluate((n) => Math.min(...Object.entries(window.shownAt).filter(([key]) => Number(key) >= n).map(([, time]) => time)), index);
      delays.push(Math.max(0, at - acknowledged));
    }
    delays.sort((a, b) => a - b);
    t.diagnostic(`a new block is shown ${delays[7].toFixed(0)} ms after its acknowledgement (median of 15; worst ${delays[14].toFixed(0)} ms)`);
    await shoot(page, "home");
  });
});

test("the member that serves the page, which leads, is killed: the page says so and goes on, and misses nothing", async (t) => {
  const serving = await leader();
  await visit(serving, { allowed: died }, async ({ page }) => {
    await settled(page);
    await whole(page);
    const before = await page.evaluate(() => Number(document.querySelector(".tip .number").textContent.replace(/\D/g, "")));
    await page.evaluate(remember);
    await cluster("kill-leader");
    await page.getByText("The page goes on with").waitFor();
    await shoot(page, "leader-killed");
    await accessible(page);
    const other = members.find((url) => url !== serving);
    const { id } = await until("a transfer by the others", () => api("/v1/transactions", { node: other, method: "POST", body: { sender: "alice", recipient: "carol", amount: 3 } }).catch(() => undefined));
    const { index } = await until("a block by the others", () => api("/mine", { node: other, method: "POST" }).catch(() => undefined));
    await shown(page, index);
    const seen = await page.evaluate(() => Object.keys(window.shownAt).map(Number).sort((a, b) => a - b));
    t.diagnostic(`blocks ${before} to ${seen.at(-1)} while ${serving} died`);
    const strip = (await page.locator(".strip .tile:not(.pending) .index").allInnerTexts()).map((text) => Number(text.replace(/\D/g, "")));
    strip.forEach((n, i) => assert.ok(i === 0 || strip[i - 1] - n === 1, `the strip has no gap: ${strip}`));
    assert.ok(strip.includes(index) || strip[0] > index);
    // Deep links go on as well.
    await goTo(page, `#/transactions/${id}`);
    await settled(page);
    await page.getByText("carol").first().waitFor();
  });
  await cluster("restart-dead");
});

test("a member that only follows serves on while another leads", async () => {
  const leads = await leader();
  const serving = members.find((url) => url !== leads);
  await visit(serving, {}, async ({ page }) => {
    await settled(page);
    await cluster("kill-leader");
    await until("a new leader", async () => (await leader()) !== leads);
    await transfer("alice", "bob", 1).catch(() => undefined); // the first member may be the dead one
    const { index } = await until("a block", () => api("/mine", { node: serving, method: "POST" }).catch(() => undefined));
    await shown(page, index);
    assert.equal(await page.getByText("The page goes on with").count(), 0);
  });
  await cluster("restart-dead");
});
