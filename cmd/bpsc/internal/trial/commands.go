// Package trial has the commands by which people try the ledger out on their own machine:
// with what they start it ends.
package trial

import "github.com/spf13/cobra"

// Commands are the commands of this room.
func Commands() []*cobra.Command {
	return []*cobra.Command{newDevCommand(), newTutorialCommand()}
}
