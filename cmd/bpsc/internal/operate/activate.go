package operate

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

func newActivateCommand(o *cli.Options) *cobra.Command {
	var dryRun bool
	var secretFile string
	cmd := &cobra.Command{
		Use: "activate [LEVEL]", Short: "Switch on what a new release brings, once all members run it", Args: cli.AtMostOneArg,
		Example: `  bpsc cluster activate --dry-run
  bpsc cluster activate`,
		Long: "Activate a level, or the newest that all members know. Until then they do nothing that the\n" +
			"release before does not know, and can go back to it; after it they cannot.",
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be activated, and change nothing")
	cmd.Flags().StringVar(&secretFile, "operator-secret-file", "", "file with the operator's secret, where the servers ask for one ("+cli.SecretVariable+")")
	cmd.RunE = o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) (err error) {
		var level uint64
		if len(args) > 0 {
			if level, err = strconv.ParseUint(args[0], 10, 32); err != nil || level == 0 {
				return cli.ArgError("LEVEL is a number from 1 on, not %q", args[0])
			}
		}
		if err := o.Operator(c, secretFile); err != nil {
			return err
		}
		a, err := c.ActivateLevel(ctx, level, dryRun)
		if err != nil {
			return err
		}
		return o.Say(cmd.OutOrStdout(), a, activated(a))
	})
	return cmd
}

// activated says what came of it.
func activated(a client.Activation) string {
	switch {
	case a.Level == a.Before:
		return fmt.Sprintf("Level %d is active. Nothing has been changed.\n", a.Level)
	case a.DryRun:
		return fmt.Sprintf("Level %d would follow level %d; no member could go back behind bpsc %s. Nothing has been changed.\n", a.Level, a.Before, a.Release)
	}
	return fmt.Sprintf("Level %d is active, after level %d. No member can go back behind bpsc %s.\n", a.Level, a.Before, a.Release)
}

// printLevels says which release each member runs, and what it knows.
func printLevels(o *cli.Options, cmd *cobra.Command, own versionJSON, members []client.ClusterMember) error {
	var rows []table.Row
	for _, m := range members {
		if m.Version == "" {
			m.Version = "it does not answer"
		}
		rows = append(rows, table.Row{m.ID, m.Version, m.LevelSupported, m.LevelActive})
	}
	all := struct {
		versionJSON
		Members []client.ClusterMember `json:"members"`
	}{own, members}
	return o.Print(cmd.OutOrStdout(), all, table.Row{"member", "version", "knows up to level", "active level"}, rows...)
}
