// Every page of the page: that it shows something, to everybody, on a phone as well.

import assert from "node:assert/strict";
import test from "node:test";

import { AxeBuilder } from "@axe-core/playwright";

import { follower, members, settled, shoot, transfer, visit, until, api } from "./world.mjs";

// The addresses of all pages: those of the navigation, and one of each kind that it does not have.
async function addresses(page, node) {
  const { id } = await transfer("alice", "bob", 12.5, "for the pages");
  await api("/mine", { method: "POST" });
  const nav = await page.locator("nav.pages a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  await until("the record in its block", async () => (await api(`/v1/transactions/${id}`, { node })).in_block);
  return [...new Set([...nav, "#/blocks/1", "#/blocks/2", `#/transactions/${id}`, "#/accounts/alice", "#/accounts/nobody", "#/contracts/aka", `#/verify?id=${id}`, "#/send?to=bob&amount=1"])];
}

const standard = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

async function check(name, axe) {
  const { violations } = await axe.analyze();
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`), [], `axe: ${name}`);
}

async function show(page, address, name) {
  await page.evaluate((hash) => { location.hash = hash; }, address);
  await settled(page);
  assert.notEqual(await page.locator("h1").first().innerText(), "Nothing here", name);
  assert.equal(await page.locator(".notice.bad").count(), 0, `${name}: ${await page.locator(".notice.bad").allInnerTexts()}`);
}

async function fitsAPhone(page, name) {
  await page.setViewportSize({ width: 360, height: 740 });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await shoot(page, `phone ${name}`);
  assert.ok(over <= 0, `${name} is ${over} px too wide for a phone`);
  await page.setViewportSize({ width: 1200, height: 900 });
}

test("every page of a member shows something, in light and dark, on a phone, to everybody", async () => {
  await visit(members[0], { colorScheme: "light" }, async ({ page }) => {
    await settled(page);
    for (const address of await addresses(page, members[0])) {
      const name = `member ${address}`;
      await show(page, address, name);
      await check(`${name}, light`, new AxeBuilder({ page }).withTags(standard));
      await page.emulateMedia({ colorScheme: "dark" });
      await check(`${name}, dark`, new AxeBuilder({ page }).withRules(["color-contrast"]));
      await shoot(page, `dark ${name}`);
      await page.emulateMedia({ colorScheme: "light" });
      await fitsAPhone(page, name);
    }
  });
});

test("every page of a follower shows something, and those that only it has do so to everybody", async () => {
  await visit(members[0], {}, async (member) => {
    await settled(member.page);
    const known = await addresses(member.page, follower);
    await visit(follower, { colorScheme: "light" }, async ({ page }) => {
      await settled(page);
      for (const address of await addresses(page, follower)) {
        const name = `follower ${address}`;
        await show(page, address, name);
        if (known.includes(address) || address.includes("/transactions/") || address.includes("/verify")) continue;
        await check(`${name}, light`, new AxeBuilder({ page }).withTags(standard));
        await fitsAPhone(page, name);
      }
    });
  });
});

test("an address that means nothing says so, and one of no block waits for it", async () => {
  await visit(`${members[0]}/#/no/such/page`, {}, async ({ page }) => {
    await page.getByRole("heading", { name: "Nothing here" }).waitFor();
    await page.evaluate(() => { location.hash = "#/blocks/999999999"; });
    await page.getByText(/There is no block 999,?999,?999 yet/).waitFor();
    await page.evaluate(() => { location.hash = "#/blocks/x"; });
    await page.getByText("That is no index of a block").waitFor();
  });
});
