// Package contexts has the commands that keep how clusters are reached, each under a name.
package contexts

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// Commands are the commands of this room.
func Commands() []*cobra.Command {
	o := &cli.Options{}
	cmd := &cobra.Command{
		Use: "context", Short: "Keep how clusters are reached, each under a name",
		Long: "Keep how clusters are reached: servers, the authorities of their certificates, a token's file and the\n" +
			"policy that says whose signatures count. What flags say is stronger, then BPSC_… variables, then the\n" +
			"context in use. A context that --context or BPSC_CONTEXT names counts as a whole: nothing is taken for\n" +
			"it from BPSC_TOKEN_FILE, BPSC_CACERT, BPSC_POLICY or BPSC_OPERATOR_SECRET, which may be another\n" +
			"cluster's. A context's token goes to its own servers and to no others. bpsc config show --origin tells\n" +
			"what counts.\n\n" +
			"They are in bpsc/contexts.yaml of $XDG_CONFIG_HOME, or of ~/.config, readable by you alone.",
	}
	o.OutputFlag(cmd)
	cmd.AddCommand(newAddCommand(o), newUseCommand(o), newListCommand(o), newShowCommand(o), newRemoveCommand(o))
	return []*cobra.Command{cmd}
}
