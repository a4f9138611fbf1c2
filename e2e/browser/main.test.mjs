// All tests in one process, on one cluster and with one browser, in this order: those in which
// members die come last.

import { after } from "node:test";

import { browser } from "./world.mjs";
import "./pages.mjs";
import "./search.mjs";
import "./send.mjs";
import "./receipt.mjs";
import "./input.mjs";
import "./live.mjs";

after(() => browser.close());
