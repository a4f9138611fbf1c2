// Package doctor has the commands that find out whether a cluster is well: bpsc
// doctor, and bpsc debug, which collects what somebody else needs to see.
package doctor

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// Commands are the commands of this room.
func Commands(o *cli.Options) []*cobra.Command {
	return o.Flagged(newDoctorCommand(o), newDebugCommand(o))
}
