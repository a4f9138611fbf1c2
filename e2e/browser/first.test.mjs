// What the first view waits for, and that everything else is there soon afterwards.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { addresses } from "./addresses.mjs";
import { accessible } from "./axe.mjs";
import { cluster, died, goTo, leader, members, settled, shoot, visit, wallets, whole } from "./world.mjs";

const maxFirst = 33; // modules (api/page tests how many), two style sheets and the icon

// When the page first showed the tip, ms after it was asked for.
const remember = () => new MutationObserver(() => {
  if (document.querySelector(".tip .number")) window.stoodAt ??= performance.now();
}).observe(document, { subtree: true, childList: true });

test("the first view waits for few files", async (t) => {
  const times = [];
  for (let i = 0; i < 7; i++) {
    await visit("about:blank", {}, async ({ page, context, requests }) => {
      await context.addInitScript(remember);
      await page.goto(members[i % members.length]);
      await page.waitForFunction(() => window.stoodAt !== undefined);
      times.push(await page.evaluate(() => window.stoodAt));
      const paths = requests.map(({ url }) => new URL(url).pathname);
      const files = paths.slice(0, paths.findIndex((path) => path.startsWith("/v1/"))).filter((path) => path.startsWith("/assets/"));
      assert.ok(files.length > 2 && files.length <= maxFirst, `${files.length} files: ${files}`);
    });
  }
  times.sort((a, b) => a - b);
  t.diagnostic(`first view after ${times[3].toFixed(0)} ms (median of 7 fresh contexts; worst ${times[6].toFixed(0)} ms)`);
});

test("the member that sent the page is killed once the page is idle: every page opens, and a key signs", async () => {
  const serving = await leader();
  await visit(serving, { allowed: died }, async ({ page }) => {
    await settled(page);
    const all = await addresses(page, serving);
    await whole(page);
    await cluster("kill-leader");
    await page.getByText("The page goes on with").waitFor();
    for (const address of all) {
      await goTo(page, address);
      await settled(page);
      assert.notEqual(await page.locator("h1").first().innerText(), "Nothing here");
      assert.deepEqual(await page.locator(".notice.bad").allInnerTexts(), [], address);
    }
    await goTo(page, "#/send?contract=gold");
    await page.locator("input[name=keyfile]").setInputFiles(`${wallets}/issuer.age`);
    await page.locator("input[name=passphrase]").fill(readFileSync(`${wallets}/passphrase`, "utf8").trim());
    await page.getByRole("button", { name: "Open" }).click();
    await page.locator("input[name=recipient]").fill(/^bob (\S+)$/m.exec(readFileSync(`${wallets}/addresses`, "utf8"))[1]);
    await page.locator("input[name=amount]").fill("1");
    await page.getByRole("button", { name: "Sign and send" }).click();
    await page.getByText("✓ Final.").waitFor();
    assert.equal(new URL(page.url()).origin, serving);
  });
  await cluster("restart-dead");
});

test("a part that cannot be fetched is missed where it is shown, and nowhere else", async () => {
  await visit("about:blank", { allowed: died }, async ({ page }) => {
    await page.route(/(blocks|uplot)\.mjs$/, (route) => route.abort());
    await page.goto(members[0]);
    await page.locator(".chart .small", { hasText: / values from / }).first().waitFor();
    await page.getByRole("link", { name: "Blocks", exact: true }).click();
    await page.getByText("This part of the page could not be fetched").waitFor();
    await shoot(page, "part missing");
    await accessible(page);
    await page.getByRole("link", { name: "Nodes", exact: true }).click();
    await page.getByRole("heading", { name: "Nodes", exact: true }).waitFor();
    await page.getByRole("link", { name: "Blocks", exact: true }).click();
    // It was asked for once more; one that is still under way would come after all.
    await page.getByText("This part of the page could not be fetched").waitFor();
    await page.unroute(/(blocks|uplot)\.mjs$/);
    await page.getByRole("button", { name: "Load the page anew" }).click();
    await page.getByRole("heading", { name: "Blocks" }).waitFor();
  });
});
