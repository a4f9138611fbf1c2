// The cluster that the tests look at, and the browser that looks: scripts/browser.sh has started the
// one and says here where it is.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { after } from "node:test";
import { promisify } from "node:util";

import { chromium } from "playwright-core";

const told = (name) => process.env[name] ?? assert.fail(`${name} is not set: run scripts/browser.sh`);
const run = promisify(execFile);

export const root = new URL("../../", import.meta.url).pathname;
export const members = told("MEMBERS").split(" ");
export const follower = told("FOLLOWER");
export const wallets = told("WALLETS");
const shots = told("SHOTS");

/** The standard output of `bpsc`, or of another program of the project. */
export const bpsc = async (...args) => (await run(told("BPSC"), args)).stdout;
export const cluster = async (...args) => (await run(`${root}scripts/cluster.sh`, args)).stdout;

/** The leader's address, once there is one. */
export async function leader() {
  return until("a leader", async () => {
    for (const url of members) {
      const said = await fetch(`${url}/v1/cluster`).then((answer) => answer.json(), () => null);
      if (said?.leader) return members[Number(said.leader.slice(1)) - 1];
    }
    return undefined;
  });
}

/** JSON that a node answers. */
export async function api(path, { node = members[0], method = "GET", body, headers } = {}) {
  const answer = await fetch(node + path, { method, body: body && JSON.stringify(body), headers });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${text}`);
  return JSON.parse(text);
}

/** A transfer that somebody else makes, in the open contract. */
export const transfer = (sender, recipient, amount, memo) =>
  api("/v1/transactions", { method: "POST", body: { sender, recipient, amount, ...(memo && { memo }) } });

/** Waits for a condition, which returns something. */
export async function until(what, holds, limit = 15_000) {
  for (const end = Date.now() + limit; ;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > end) assert.fail(`waited ${limit} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// Root has no sandbox; the rest keeps Chromium from talking to its maker.
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

// Started by the first test that opens a window.
let started;
const browser = () => (started ??= chromium.launch({ executablePath: told("CHROMIUM"), args: flags }));
after(async () => (await started)?.close());

/** What the browser says of a server that is gone. */
export const died = (text) => /ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|Failed to load resource|net::/.test(text);

/**
 * A window that has seen nothing yet, on a page of the page. What no page may ever do makes the test fail
 * when the window is closed: a fault in the console, a request to somebody else, a dialog.
 */
export async function open(address, { allowed = () => false, nodes = [...members, follower], ...options } = {}) {
  const context = await (await browser()).newContext({ viewport: { width: 1200, height: 900 }, ...options });
  context.setDefaultTimeout(30_000); // others may be at work on the machine
  const page = await context.newPage();
  const faults = [];
  const requests = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !allowed(message.text())) faults.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => faults.push(`uncaught: ${error}`));
  page.on("dialog", (dialog) => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  context.on("request", (request) => {
    requests.push({ url: request.url(), method: request.method(), headers: request.headers(), body: request.postData() ?? "" });
    const { origin, protocol } = new URL(request.url());
    if (!["data:", "blob:"].includes(protocol) && !nodes.includes(origin)) faults.push(`a request to ${request.url()}`);
  });
  await page.goto(address);
  const close = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return { page, context, requests, close };
}

/** Opens a window for a test and closes it, whatever comes of it. */
export async function visit(address, options, test) {
  const window = await open(address, options);
  try {
    await test(window);
  } catch (error) {
    await shoot(window.page, `failed ${new URL(window.page.url()).hash}`).catch(() => {}); // what failed first says more
    await window.context.close();
    throw error;
  }
  await window.close();
}

/** Keeps a picture of a page among the output of the tests. */
export async function shoot(page, name) {
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: `${shots}/${name.replace(/\W+/g, "-").slice(0, 40)}.png`, animations: "disabled" });
}

/** The page has drawn what it is by now: observers of sizes run at the end of a frame, so what they change is there at the second. */
export const drawn = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** Goes to another address within the page, and is back when that one is drawn, not the one before. */
export async function goTo(page, address) {
  await page.evaluate((hash) => new Promise((done) => {
    if (location.hash === hash) return done();
    addEventListener("hashchange", done, { once: true });
    location.hash = hash;
  }), address);
  await drawn(page);
}

/** The page shows its heading and waits for nothing any more. */
export async function settled(page) {
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll(".wait").length === 0);
}

// The modules of the page.
const modules = ["app", "lib"].flatMap((folder) => readdirSync(`${root}api/page/${folder}`, { recursive: true })
  .filter((name) => name.endsWith(".mjs")).map((name) => `${folder}/${name}`));

/** The page has all of its modules: from now on every part of it opens, whatever becomes of the member that sent it. */
export const whole = (page) => page.waitForFunction((names) => {
  const came = performance.getEntriesByType("resource").filter((one) => one.responseStatus === 200).map((one) => one.name);
  return names.every((name) => came.some((url) => url.endsWith(`/${name}`)));
}, modules);
