// Package chains has the commands that read a chain and verify it, from a server or
// from a file, with the receipts and the evidence that follow from it.
package chains

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// Commands are the commands of this room.
func Commands(o *cli.Options) []*cobra.Command {
	return append(o.Flagged(newChainCommand(o), newBlockCommand(o), newMineCommand(o), newContractCommand(o)),
		newReceiptCommand(o), newEvidenceCommand(o))
}
