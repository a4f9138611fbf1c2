// Package ledger has the commands by which people use a ledger: wallets, what they
// sign and send, what became of it, and what an account holds.
package ledger

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// Commands are the commands of this room.
func Commands(o *cli.Options) []*cobra.Command {
	return append(o.Flagged(
		newSendCommand(o), newSubmitCommand(o), newTxCommand(o), newAcceptCommand(o), newRejectCommand(o),
		newRulesCommand(o), newFreezeCommand(o), newUnfreezeCommand(o), newIssueCommand(o), newFeesCommand(o),
		newAccountCommand(o), newHoldsCommand(o),
	), newWalletCommand())
}
