package operate

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

func newAuditLogCommand(o *cli.Options) *cobra.Command {
	var after uint64
	var limit int
	cmd := &cobra.Command{Use: "audit-log", Short: "Show what operators have done", Args: cobra.NoArgs,
		Example: `  bpsc audit-log
  bpsc audit-log --after 100 --limit 20 -o csv`,
		Long: "Show what operators have done, the oldest first: who, what, when by the cluster's time, from where,\n" +
			"and how it ended. The cluster keeps the newest 10,000 actions."}
	cmd.Flags().Uint64Var(&after, "after", 0, "begin behind the entry of that number")
	cmd.Flags().IntVar(&limit, "limit", 0, "show no more than so many (default: all)")
	o.OperatorCall(cmd, func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) error {
		actions, err := readAudit(ctx, c, after, limit)
		if err != nil {
			return err
		}
		var rows []table.Row
		for _, a := range actions {
			who := strings.TrimSpace(strings.Join([]string{a.Who, a.Token, a.Name}, " "))
			rows = append(rows, table.Row{a.Number, moment(a.Time), who, a.From, a.Action, a.Subject, a.Result})
		}
		return o.Print(cmd.OutOrStdout(), actions, table.Row{"entry", "time (UTC)", "who", "from", "action", "of", "result"}, rows...)
	})
	return cmd
}

// readAudit reads page after page; limit 0 is all.
func readAudit(ctx context.Context, c *client.Client, after uint64, limit int) (all []client.Action, err error) {
	const most = 1000 // in a page
	for {
		ask := most
		if limit > 0 {
			ask = min(most, limit-len(all))
		}
		page, next, err := c.Audit(ctx, after, ask)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if after = next; after == 0 || len(all) == limit {
			return all, nil
		}
	}
}

func moment(seconds json.Number) string {
	at, err := strconv.ParseFloat(seconds.String(), 64)
	if err != nil {
		return ""
	}
	return time.UnixMicro(int64(at * 1e6)).UTC().Format("2006-01-02 15:04:05")
}
