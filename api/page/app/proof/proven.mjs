// What stands around a record that was proven: the contract that was signed, and amounts with the
// places that they have. Of the ledger that the page looks at, which a node tells, nothing is taken
// but the client.

import { format } from "../router.mjs";

/** The ledger in which the record of a verdict is shown. */
export const asProven = ({ client }, { token }) => ({ client, token, decimals: undefined, link: (parts, query = {}) => format(parts, { ...query, contract: token }) });

/** Whether a verdict is of the chain that is looked at, so that its pages say more of it. */
export const isLookedAt = ({ token, chainID }, of) => of.token === token && chainID.startsWith(of.chain);
