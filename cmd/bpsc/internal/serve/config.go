package serve

import (
	"os"
	"regexp"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/settings"
)

// kindOf is a command that has settings.
type kindOf struct {
	name string
	anew func() *configuration
}

var kinds = []kindOf{{"server", memberConfiguration}, {"follow", followerConfiguration}, {"witness", witnessConfiguration}}

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Show and check the settings of what serves"}
	show := &cobra.Command{
		Use: "show", Short: "Show the settings that count, and where each comes from",
		Long: "Show the settings that count: of flags, " + cli.EnvPrefix + "… variables, the file of --config and defaults, the\n" +
			"first that says something. Give it what the command that serves is given.",
	}
	for _, kind := range kinds {
		show.AddCommand(newConfigShowCommand(kind.name, kind.anew()))
	}
	cmd.AddCommand(show, newConfigValidateCommand())
	return cmd
}

func newConfigShowCommand(kind string, c *configuration) *cobra.Command {
	o, origin := &cli.Options{}, false
	cmd := &cobra.Command{
		Use: kind, Short: "Show the settings of bpsc " + kind, Args: cli.ExactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := c.table.Load(cmd.Flags())
			if err != nil {
				return err
			}
			for _, warning := range loaded.Warnings {
				cmd.PrintErrln("bpsc:", warning)
			}
			return showSettings(o, cmd, loaded, origin)
		},
	}
	c.table.AddTo(cmd)
	cmd.Flags().BoolVar(&origin, "origin", false, "say where each comes from, a line of the file, a variable or a flag")
	o.OutputFlag(cmd)
	return cmd
}

// showSettings shows no secret: those are in files, whose names are shown, or in the one
// variable of which it says only that it is set.
func showSettings(o *cli.Options, cmd *cobra.Command, loaded *settings.Loaded, origin bool) error {
	values := loaded.Values
	if os.Getenv(cli.SecretVariable) != "" {
		values = append(values, settings.Value{Name: "operator-secret", Text: "(set)", Origin: settings.Variable, Where: cli.SecretVariable})
	}
	header := table.Row{"setting", "value"}
	if origin {
		header = append(header, "origin", "where")
	}
	var rows []table.Row
	for i := range values {
		v := &values[i]
		v.Text = withoutUser(v.Text)
		shown := v.Text
		if shown == "" && v.Unset != "" {
			shown = "(" + v.Unset + ")"
		}
		row := table.Row{v.Name, shown}
		if origin {
			row = append(row, v.Origin, v.Where)
		}
		rows = append(rows, row)
	}
	return o.Print(cmd.OutOrStdout(), values, header, rows...)
}

var userInURL = regexp.MustCompile(`://[^/@\s]*@`)

// withoutUser leaves out of a URL who asks, for there may be a password.
func withoutUser(text string) string { return userInURL.ReplaceAllString(text, "://…@") }
