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
	show := newConfigShowClientCommand((*cli.Options).OutputFlag, "show", "  bpsc config show --origin", "Show the settings that count, and where each comes from")
	show.Long = "Show the settings that count. Without more, of commands that ask a cluster: of flags, " + cli.EnvPrefix + "… variables,\n" +
		"the context and defaults, the first that says something. Of commands that serve: of flags, variables, the\n" +
		"file of --config and defaults; give them what the command that serves is given."
	for _, kind := range kinds {
		show.AddCommand(newConfigShowCommand(kind.name, kind.anew()))
	}
	client := newConfigShowClientCommand((*cli.Options).Flags, "client", "  bpsc config show client --context prod --origin", "Show the settings of commands that ask a cluster")
	show.AddCommand(client)
	cmd.AddCommand(show, newConfigValidateCommand())
	return cmd
}

// newConfigShowClientCommand shows how commands that ask reach a cluster.
func newConfigShowClientCommand(flags func(*cli.Options, *cobra.Command), use, example, short string) *cobra.Command {
	o, origin := &cli.Options{}, false
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cli.ExactArgs(0),
		Example: example,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := o.Settings(cmd)
			if err != nil {
				return err
			}
			header := table.Row{"setting", "value"}
			if origin {
				header = append(header, "origin", "where")
			}
			var rows []table.Row
			for i := range list {
				s := &list[i]
				s.Text = withoutUser(s.Text)
				row := table.Row{s.Name, s.Text}
				if origin {
					row = append(row, s.Origin, s.Where)
				}
				rows = append(rows, row)
			}
			return o.Print(cmd.OutOrStdout(), list, header, rows...)
		},
	}
	cmd.Flags().BoolVar(&origin, "origin", false, "say where each comes from: a flag, a variable, a context")
	flags(o, cmd)
	return cmd
}

func newConfigShowCommand(kind string, c *configuration) *cobra.Command {
	o, origin := &cli.Options{}, false
	cmd := &cobra.Command{
		Use: kind, Short: "Show the settings of bpsc " + kind, Args: cli.ExactArgs(0),
		Example: "  bpsc config show " + kind + " --config bpsc.yaml --origin",
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
