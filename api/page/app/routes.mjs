// The pages that there are: the path behind # and what is shown there. A row with nav is
// in the navigation, under that name; nodes says on which kind of node, all if it does
// not. Other pages of the page bring their rows here.
import { Home } from "./home.mjs";
import { Block } from "./block.mjs";
import { Send } from "./send/send.mjs";
import { Verify } from "./proof/verify.mjs";
import { Cluster } from "./cluster/page.mjs";
import { Upstreams } from "./cluster/follower.mjs";

export const routes = [
  { path: "", Page: Home, nav: "Home" },
  { path: "blocks/:index", Page: Block },
  { path: "send", Page: Send, nav: "Send" },
  { path: "verify", Page: Verify, nav: "Receipts" },
  { path: "cluster", Page: Cluster, nav: "Cluster", nodes: "member" },
  { path: "cluster", Page: Upstreams, nav: "Upstreams", nodes: "follower" },
];
