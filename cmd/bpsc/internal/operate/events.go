package operate

import (
	"context"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

func newEventsCommand(o *cli.Options) *cobra.Command {
	return &cobra.Command{
		Use: "events", Short: "Show elections, and members that came and went", Args: cli.ExactArgs(0),
		Example: "  bpsc cluster events\n  bpsc cluster events -o csv",
		Long: "Show what a member remembers of what happened to the cluster, the oldest first: elections and\n" +
			"leaders, members that were added, promoted, demoted or removed, that do not answer or answer\n" +
			"again, snapshots, levels. Each member has its own, as it learned of it, the last 512 since it\n" +
			"started, with the time by its clock. What operators have done is in bpsc audit-log.",
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) error {
			const most = 1000 // more than a member remembers
			page, err := c.ClusterEvents(ctx, 0, most)
			if err != nil {
				return err
			}
			var rows []table.Row
			for _, e := range page.Items {
				rows = append(rows, table.Row{page.Member, e.Time.UTC().Format("2006-01-02 15:04:05.000"), e.Kind, e.Text})
			}
			return o.Print(cmd.OutOrStdout(), page, table.Row{"seen by", "time (UTC)", "kind", "what happened"}, rows...)
		}),
	}
}
