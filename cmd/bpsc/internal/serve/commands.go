// Package serve has the commands that serve until they are told to stop: a member,
// a follower and a witness. Each has a table of its settings.
package serve

import (
	"github.com/spf13/cobra"
)

// Commands are the commands of this room.
func Commands() []*cobra.Command {
	return []*cobra.Command{newServerCommand(), newFollowCommand(), newWitnessCommand(), newConfigCommand()}
}
