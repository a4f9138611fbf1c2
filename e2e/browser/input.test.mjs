// What others write, and answers that are none: nothing of it runs, and the page says what is wrong.

import assert from "node:assert/strict";
import test from "node:test";

import { api, goTo, members, settled, shoot, transfer, until, visit } from "./world.mjs";

const names = ['<img src=x onerror="window.ran=1">', '"><script>window.ran=1</script>', "javascript:window.ran=1", "\u202eevil\u202c", "${window.ran=1}", "🏠".repeat(32), "__proto__"];

test("names and memos with HTML, scripts, marks of direction and emoji are shown, and never run", async () => {
  const sent = [];
  for (const name of names) sent.push(await transfer(name, "victim", 1, `${name} memo`.slice(0, 60)));
  const { index } = await api("/mine", { method: "POST" });
  await until("the block", async () => (await api("/v1/contracts/aka")).length >= index);
  await visit(members[0], {}, async ({ page }) => {
    for (const place of ["", "accounts/victim", `blocks/${index}`, ...sent.map(({ id }) => `transactions/${id}`), ...names.map((name) => `accounts/${encodeURIComponent(name)}`), `send?to=${encodeURIComponent(names[0])}`]) {
      await goTo(page, `#/${place}`);
      await settled(page);
    }
    await goTo(page, "#/accounts/victim");
    await page.getByText(names[0]).first().waitFor();
    await shoot(page, "what-others-write");
    assert.equal(await page.evaluate(() => window.ran), undefined);
    assert.equal(await page.locator("main img, main script").count(), 0);
    assert.equal(await page.locator('a[href^="javascript:"]').count(), 0);
    // A mark of direction ends where the name ends.
    assert.ok(await page.evaluate(() => [...document.querySelectorAll("main *")].filter((e) => e.children.length === 0 && e.textContent.includes("\u202e")).every((e) => e.closest("bdi, code, input, textarea"))));
  });
});

const allowed = (text) => /Failed to load resource|net::|status of 5/.test(text);
const broken = {
  "500": (route) => route.fulfill({ status: 500, contentType: "application/problem+json", body: '{"code": "internal", "title": "Something failed inside this node", "status": 500}' }),
  "500 without a word": (route) => route.fulfill({ status: 500, body: "" }),
  "half a JSON": (route) => route.fulfill({ status: 200, contentType: "application/json", body: '{"items": [{"token": "ak' }),
  "HTML": (route) => route.fulfill({ status: 200, contentType: "text/html", body: "<script>window.ran=1</script>" }),
  "silence": (route) => route.abort(),
};

for (const [name, answer] of Object.entries(broken)) {
  test(`an API that answers with ${name}: the page says so, and keeps the last good data with their age`, async () => {
    await visit(members[0], { allowed }, async ({ page }) => {
      await settled(page);
      const before = await page.locator(".figures").innerText();
      assert.ok(before.length > 20);
      await page.route("**/v1/contracts/aka*", answer);
      await page.getByText(/As of \d+ s ago/).first().waitFor();
      assert.equal(await page.locator(".figures").count(), 1, "the last good data are there");
      await page.unroute("**/v1/contracts/aka*");
      await page.getByText(/As of \d+ s ago/).first().waitFor({ state: "detached" });
      assert.equal(await page.evaluate(() => window.ran), undefined);
    });
  });
}

test("an API that answers slowly: the page waits and says so", async () => {
  await visit(members[0], { allowed }, async ({ page }) => {
    await settled(page);
    let go;
    const held = new Promise((resolve) => { go = resolve; });
    await page.route("**/v1/blocks/1?*", async (route) => { await held; await route.continue(); });
    await goTo(page, "#/blocks/1");
    await page.getByText("The server takes its time").first().waitFor();
    go();
    await page.getByText("It was produced because").or(page.getByText("the contract")).first().waitFor();
  });
});
