// The page of the cluster: how it shows a member that dies, and what an operator does from it.

import assert from "node:assert/strict";
import test from "node:test";

import { api, bpsc, cluster, leader, members, settled, shoot, until, visit } from "./world.mjs";

const name = (url) => "n" + (members.indexOf(url) + 1);
const summary = (page, text) => page.locator(".summary .big", { hasText: text }).waitFor();
const logged = (page, text) => page.locator(".log li", { hasText: text }).first().waitFor();
const press = (page) => page.locator(".action button[type=submit]").click();
const choose = (page, label, value) => page.locator(".action").getByRole("combobox", { name: label, exact: true }).selectOption(value);
const wellAgain = () => until("all to be well", async () => (await api("/v1/cluster")).health.healthy === 3);

test("the cluster's page shows the leader die, who comes next, and the return", async () => {
  await wellAgain();
  const old = await leader();
  const serving = members.find((url) => url !== old);
  await visit(serving + "/#/cluster", {}, async ({ page }) => {
    await settled(page);
    await summary(page, "3 of 3 healthy, can lose 1");
    await cluster("kill-leader");
    await summary(page, "2 of 3 healthy, can lose 0");
    await logged(page, `${name(old)} does not answer`);
    const next = name(await until("a new leader", async () => (await leader()) !== old && (await leader())));
    await page.locator(".summary .lead", { hasText: `${next} leads in term` }).waitFor();
    await logged(page, `${next} leads in term`);
    await page.locator(".member", { hasText: "Does not answer" }).getByRole("heading", { name: name(old) }).waitFor();
    await shoot(page, "cluster leader killed");
    await cluster("restart-dead");
    await summary(page, "3 of 3 healthy, can lose 1");
    await logged(page, `${name(old)} answers again`);
  });
});

test("an operator sees what would happen, and then does it; what is refused says its code", async () => {
  await wellAgain();
  const allowed = (text) => /status of 409/.test(text);
  await visit(members[0] + "/#/cluster", { allowed }, async ({ page }) => {
    await settled(page);
    const to = name(members.find((url) => url !== members[0]));
    const before = await leader();
    const target = name(before) === to ? "n1" : to;
    await choose(page, "Who shall lead", target);
    assert.match(await page.locator(".action .line code").innerText(), new RegExp(`^bpsc cluster transfer-leader ${target} --server ${members[0]}$`));
    await press(page);
    await page.getByText(`${target} leads`, { exact: true }).waitFor();
    assert.equal(await leader(), before, "asking changes nothing");
    await press(page);
    await page.getByText("Done.").waitFor();
    await page.locator(".summary .lead", { hasText: `${target} leads in term` }).waitFor();

    await choose(page, "Action", "remove");
    await choose(page, "Member", "n3");
    await press(page);
    await page.locator(".outcome .notice.bad", { hasText: "two_voters" }).waitFor();
    await page.getByLabel("Two voters may be the result", { exact: false }).check();
    await press(page);
    await page.getByText("n3 is removed, and never comes back").waitFor();
    assert.ok(await page.locator(".action button.danger").isDisabled(), "not before the id is typed");
    await page.getByLabel("This cannot be undone", { exact: false }).fill("n3");
    assert.ok(await page.locator(".action button.danger").isEnabled());
    await shoot(page, "operator removes");
    await page.getByRole("button", { name: "Leave it" }).click();
    assert.equal((await api("/v1/cluster")).members.length, 3);
  });
});

// This test is the last of all: once there is a token for operators nothing goes without.
test("with a token an operator acts, and the token is gone with the page", async () => {
  await wellAgain();
  const secret = (await bpsc("token", "create", "--name", "desk", "--role", "operate", "--server", members[0])).trim();
  const allowed = (text) => /status of 401/.test(text);
  await visit(members[0] + "/#/cluster", { allowed }, async ({ page, requests }) => {
    await settled(page);
    await press(page);
    await page.locator(".outcome .notice.bad", { hasText: "token_required" }).waitFor();
    await page.getByLabel("Token with the role", { exact: false }).fill(secret);
    await page.getByRole("button", { name: "Use it" }).click();
    await press(page);
    await page.getByText("What would happen", { exact: true }).waitFor();
    await press(page);
    await page.getByText("Done.").waitFor();
    await page.getByRole("button", { name: "Show operators' actions" }).click();
    await logged(page, "members.transfer-leader by token desk");
    const carried = requests.filter(({ headers }) => headers.authorization).map(({ url }) => new URL(url).pathname);
    assert.deepEqual([...new Set(carried)].sort(), ["/v1/audit", "/v1/cluster:transfer-leader"], "nothing else has it");
    assert.equal(await page.evaluate((text) => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href]).includes(text), secret), false);
    await page.reload();
    await settled(page);
    await page.getByLabel("Token with the role", { exact: false }).waitFor();
  });
});
