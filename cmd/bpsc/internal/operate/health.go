package operate

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// healthy is the answer of a node that is there, or is ready; of others there is an error.
type healthy struct {
	OK     bool   `json:"ok"`
	Answer string `json:"answer"`
}

// newHealthCommand is for who supervises a node and has no other way to ask it, such as
// a container's health check.
func newHealthCommand(o *cli.Options) *cobra.Command {
	var ready bool
	cmd := &cobra.Command{
		Use: "health", Short: "Ask a node whether it is there", Args: cli.ExactArgs(0),
		Example: "  bpsc health\n  bpsc health --ready --timeout 30s\n  bpsc health --ready --watch",
		Long: "Ask a node whether its process answers (GET /livez), or with --ready whether it should get\n" +
			"requests (GET /readyz), and ask again until --timeout. A node that waits for a majority\n" +
			"answers, and is not ready. Exit code 7: it does not answer, or is not ready.",
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) error {
			path := "/livez"
			if ready {
				path = "/readyz"
			}
			answer, err := c.Get(ctx, path)
			if err != nil {
				return err
			}
			return o.Say(cmd.OutOrStdout(), healthy{true, strings.TrimSpace(string(answer))}, string(answer))
		}),
	}
	o.Watchable(cmd)
	cmd.Flags().BoolVar(&ready, "ready", false, "ask whether it should get requests")
	return cmd
}
