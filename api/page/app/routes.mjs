// The pages that there are: the path behind # and what is shown there. A row with nav is
// in the navigation, under that name; nodes says on which kind of node, all if it does
// not.
import { Home } from "./home.mjs";
import { later } from "./later.mjs";

export const routes = [
  { path: "", Page: Home, nav: "Home" },
  { path: "blocks", Page: later("Blocks", () => import("./blocks.mjs")), nav: "Blocks" },
  { path: "blocks/:index", Page: later("Block", () => import("./block.mjs")) },
  { path: "transactions/:id", Page: later("Transaction", () => import("./transaction.mjs")) },
  { path: "accounts/:address", Page: later("Account", () => import("./account.mjs")) },
  { path: "holds/:id", Page: later("Hold", () => import("./hold.mjs")) },
  { path: "contracts", Page: later("Contracts", () => import("./contract.mjs")), nav: "Contract" },
  { path: "contracts/:token", Page: later("Contract", () => import("./contract.mjs")) },
  { path: "send", Page: later("Send", () => import("./send/send.mjs")), nav: "Send" },
  { path: "verify", Page: later("Verify", () => import("./proof/verify.mjs")), nav: "Receipts" },
  { path: "cluster", Page: later("Cluster", () => import("./cluster/page.mjs")), nav: "Cluster", nodes: "member" },
  { path: "cluster", Page: later("Upstreams", () => import("./cluster/follower.mjs")), nav: "Upstreams", nodes: "follower" },
  { path: "nodes", Page: later("Nodes", () => import("./nodes.mjs")), nav: "Nodes" },
  { path: "chain2", Page: later("Personal", () => import("./personal.mjs")), nav: "Personal chain", nodes: "follower" },
];
