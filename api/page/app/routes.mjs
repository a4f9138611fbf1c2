// The pages that there are: the path behind # and what is shown there. A row with nav is
// in the navigation, under that name; nodes says on which kind of node, all if it does
// not.
import { Home } from "./home.mjs";
import { Block } from "./block.mjs";
import { Blocks } from "./blocks.mjs";
import { Transaction } from "./transaction.mjs";
import { Account } from "./account.mjs";
import { Hold } from "./hold.mjs";
import { Contract, Contracts } from "./contract.mjs";
import { Send } from "./send/send.mjs";
import { Verify } from "./proof/verify.mjs";
import { Cluster } from "./cluster/page.mjs";
import { Upstreams } from "./cluster/follower.mjs";
import { Nodes } from "./nodes.mjs";
import { Personal } from "./personal.mjs";

export const routes = [
  { path: "", Page: Home, nav: "Home" },
  { path: "blocks", Page: Blocks, nav: "Blocks" },
  { path: "blocks/:index", Page: Block },
  { path: "transactions/:id", Page: Transaction },
  { path: "accounts/:address", Page: Account },
  { path: "holds/:id", Page: Hold },
  { path: "contracts", Page: Contracts, nav: "Contract" },
  { path: "contracts/:token", Page: Contract },
  { path: "send", Page: Send, nav: "Send" },
  { path: "verify", Page: Verify, nav: "Receipts" },
  { path: "cluster", Page: Cluster, nav: "Cluster", nodes: "member" },
  { path: "cluster", Page: Upstreams, nav: "Upstreams", nodes: "follower" },
  { path: "nodes", Page: Nodes, nav: "Nodes" },
  { path: "chain2", Page: Personal, nav: "Personal chain", nodes: "follower" },
];
