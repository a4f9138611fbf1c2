// Package operate has the commands of whoever runs a cluster: its members, its
// level, and what to do when a majority is lost.
package operate

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// Commands are the commands of this room.
func Commands(o *cli.Options) []*cobra.Command {
	return append(o.Flagged(newClusterCommand(o), newTokenCommand(o), newAuditLogCommand(o), newHealthCommand(o)), newVersionCommand())
}
