// Package provision has the commands that make what a cluster begins with: an authority,
// certificates, configurations, the operator's first token.
package provision

import "github.com/spf13/cobra"

// Commands are the commands of this room.
func Commands() []*cobra.Command { return []*cobra.Command{newInitCommand()} }
