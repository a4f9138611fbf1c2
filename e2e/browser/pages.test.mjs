// Every page of the page: that it shows something, to everybody, on a phone as well.

import assert from "node:assert/strict";
import test from "node:test";

import { addresses } from "./addresses.mjs";
import { violations } from "./axe.mjs";
import { drawn, follower, goTo, members, settled, shoot, visit } from "./world.mjs";

// What is wrong with the pages, all of it: one fault does not hide the next.
class Faults {
  list = [];

  expect(holds, fault) {
    if (!holds) this.list.push(fault);
  }

  async axe(name, page, rules) {
    for (const line of await violations(page, rules)) this.list.push(`axe, ${name}: ${line}`);
  }

  async shows(page, address, name) {
    await goTo(page, address);
    await settled(page);
    this.expect(await page.locator("h1").first().innerText() !== "Nothing here", `${name}: there is nothing`);
    this.expect(await page.locator(".notice.bad").count() === 0, `${name}: ${await page.locator(".notice.bad").allInnerTexts()}`);
  }

  async fitsAPhone(page, name) {
    await page.setViewportSize({ width: 320, height: 740 });
    await drawn(page);
    // Nothing sticks out of the column, but for what scrolls; and a row without a sentence has one line.
    const { over, out, tall } = await page.evaluate(() => {
      const { left, right } = document.querySelector("main").getBoundingClientRect();
      const outside = (el) => {
        const box = el.getBoundingClientRect();
        return box.width > 1 && (box.right > right + 0.5 || box.left < left - 0.5) && !el.closest(".strip > *, .scroll > *");
      };
      return {
        over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        out: [...document.querySelectorAll(".top *, main *")].filter(outside).map((el) => `${el.tagName}.${el.className}`),
        tall: [...document.querySelectorAll(".rows:not(:has(.what)) tbody tr:not(.gap)")].filter((row) => row.clientHeight > 49).length,
      };
    });
    await shoot(page, `phone ${name}`);
    this.expect(over <= 0, `${name} is ${over} px too wide for a phone`);
    this.expect(out.length === 0, `${name}: ${out} stick out on a phone`);
    this.expect(tall === 0, `${name}: ${tall} rows are too high on a phone`);
    await page.setViewportSize({ width: 1200, height: 900 });
  }

  none() {
    assert.deepEqual(this.list, []);
  }
}

test("every page of a member shows something, in light and dark, on a phone, to everybody", async () => {
  const faults = new Faults();
  let all;
  // Two windows share the work, as two cores do.
  const look = async (turn) => visit(members[0], { colorScheme: "light" }, async ({ page }) => {
    await settled(page);
    all ??= addresses(page, members[0]);
    for (const address of (await all).filter((_, i) => i % 2 === turn)) {
      const name = `member ${address}`;
      await faults.shows(page, address, name);
      await faults.axe(`${name}, light`, page);
      await page.emulateMedia({ colorScheme: "dark" });
      await faults.axe(`${name}, dark`, page, ["color-contrast"]);
      await shoot(page, `dark ${name}`);
      await page.emulateMedia({ colorScheme: "light" });
      await faults.fitsAPhone(page, name);
    }
  });
  await Promise.all([look(0), look(1)]);
  faults.none();
});

test("every page of a follower shows something, and those that only it has do so to everybody", async () => {
  await visit(members[0], {}, async (member) => {
    await settled(member.page);
    const known = await addresses(member.page, follower);
    await visit(follower, { colorScheme: "light" }, async ({ page }) => {
      const faults = new Faults();
      await settled(page);
      for (const address of await addresses(page, follower)) {
        const name = `follower ${address}`;
        await faults.shows(page, address, name);
        if (known.includes(address)) continue;
        await faults.axe(`${name}, light`, page);
        await faults.fitsAPhone(page, name);
      }
      faults.none();
    });
  });
});

test("an address that means nothing says so, and one of no block waits for it", async () => {
  await visit(`${members[0]}/#/no/such/page`, {}, async ({ page }) => {
    await page.getByRole("heading", { name: "Nothing here" }).waitFor();
    await goTo(page, "#/blocks/999999999");
    await page.getByText(/There is no block 999,?999,?999 yet/).waitFor();
    await goTo(page, "#/blocks/x");
    await page.getByText("That is no index of a block").waitFor();
  });
});
