// Package backups has the commands that take, list, verify, restore and prune
// backups.
package backups

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// Commands are the commands of this room.
func Commands(o *cli.Options) []*cobra.Command {
	return []*cobra.Command{newBackupCommand(o)}
}
