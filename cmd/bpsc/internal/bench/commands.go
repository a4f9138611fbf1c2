// Package bench has the command that measures a cluster: one of its own, which it starts from
// the same executable, or one that runs.
package bench

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// Commands are the commands of this room.
func Commands(o *cli.Options) []*cobra.Command { return o.Flagged(newBenchCommand(o)) }
