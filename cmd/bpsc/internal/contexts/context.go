package contexts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// named is a context as it is shown.
type named struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	cli.Context
}

func show(all *cli.Contexts, name string) named {
	return named{name, name == all.Current, all.All[name]}
}

func (n *named) row() table.Row {
	mark := ""
	if n.Current {
		mark = "*"
	}
	return table.Row{mark, n.Name, strings.Join(n.Servers, " "), n.TokenFile, n.CACert, n.Policy}
}

var header = table.Row{"used", "context", "servers", "token file", "cacert", "policy"}

func newAddCommand(o *cli.Options) *cobra.Command {
	var context cli.Context
	var use, replace bool
	cmd := &cobra.Command{
		Use: "add NAME --server URL", Short: "Keep how a cluster is reached", Args: cli.ExactArgs(1),
		Long: "Keep how a cluster is reached. The first context is used from then on. Files are kept by their names:\n" +
			"they are looked at here, and read whenever a command needs them.",
		Example: "  bpsc context add here --server http://127.0.0.1:5000,http://127.0.0.1:5010\n" +
			"  bpsc context add prod --server https://n1.example:5000 --server https://n2.example:5000 --cacert ca.crt --token-file shop.token --policy policy.txt --use",
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			return change(o, cmd, name, func(all *cli.Contexts) error {
				if _, is := all.All[name]; is && !replace {
					return cli.ArgError("there is a context %s already: --replace puts this one in its place", name)
				}
				if err := findFiles(&context); err != nil {
					return err
				}
				if use || all.Current == "" {
					all.Current = name
				}
				return all.Put(name, context)
			})
		},
	}
	f := cmd.Flags()
	f.StringSliceVarP(&context.Servers, "server", "s", nil, "URL or host:port of a node; may be repeated, tried in order (required)")
	f.StringVar(&context.CACert, "cacert", "", "file of the authorities that are trusted over https (default: the system's)")
	f.StringVar(&context.TokenFile, "token-file", "", "file with the token that requests carry")
	f.StringVar(&context.Policy, "policy", "", "file that says whose signatures count")
	f.BoolVar(&use, "use", false, "use it from now on")
	f.BoolVar(&replace, "replace", false, "in place of one of that name")
	for _, flag := range []string{"cacert", "token-file", "policy"} {
		cli.Files(cmd, flag)
	}
	return cmd
}

// findFiles makes the names of files good in every folder.
func findFiles(c *cli.Context) error {
	for flag, path := range map[string]*string{"cacert": &c.CACert, "token-file": &c.TokenFile, "policy": &c.Policy} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err == nil {
			_, err = os.Stat(absolute)
		}
		if err != nil {
			return cli.ArgError("--%s: %w", flag, err)
		}
		*path = absolute
	}
	return nil
}

// change changes the contexts, and shows the one that it is about.
func change(o *cli.Options, cmd *cobra.Command, name string, do func(*cli.Contexts) error) error {
	var n named
	err := cli.ChangeContexts(cmd.Context(), func(all *cli.Contexts) error {
		if err := do(all); err != nil {
			return err
		}
		n = show(all, name)
		return nil
	})
	if err != nil {
		return err
	}
	if n.Current {
		warn(cmd, name)
	}
	return o.Print(cmd.OutOrStdout(), n, header, n.row())
}

// warn tells of what is stronger than the context in use.
func warn(cmd *cobra.Command, name string) {
	for _, variable := range []string{"BPSC_SERVER", "BPSC_CONTEXT", "BPSC_TOKEN_FILE", "BPSC_CACERT", "BPSC_POLICY"} {
		if value := os.Getenv(variable); value != "" && value != name {
			fmt.Fprintf(cmd.ErrOrStderr(), "bpsc: %s is set to %s, which is stronger: unset it, or say --context %s\n", variable, cli.PrintableLine(value), name)
		}
	}
}

func newUseCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "use NAME", Short: "Use a context from now on", Args: cli.ExactArgs(1),
		Example: "  bpsc context use prod",
		RunE: func(cmd *cobra.Command, args []string) error {
			return change(o, cmd, args[0], func(all *cli.Contexts) error {
				all.Current = args[0]
				_, err := all.Get(args[0])
				return err
			})
		},
	}
	cli.CompleteArgs(cmd, 1, cli.ContextNames)
	return cmd
}

func newListCommand(o *cli.Options) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the contexts", Args: cli.ExactArgs(0),
		Example: "  bpsc context list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := cli.ReadContexts()
			if err != nil {
				return err
			}
			list, rows := []named{}, []table.Row{}
			for _, name := range all.Names() {
				n := show(all, name)
				list, rows = append(list, n), append(rows, n.row())
			}
			return o.Print(cmd.OutOrStdout(), list, header, rows...)
		},
	}
}

func newShowCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show [NAME]", Short: "Show a context, the one in use when none is named", Args: cli.AtMostOneArg,
		Example: "  bpsc context show\n  bpsc context show prod -o yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := cli.ReadContexts()
			if err != nil {
				return err
			}
			name := all.Current
			if len(args) > 0 {
				name = args[0]
			} else if name == "" {
				return fmt.Errorf("%w: none is in use", cli.ErrNoContext)
			}
			if _, err := all.Get(name); err != nil {
				return err
			}
			n := show(all, name)
			return o.Print(cmd.OutOrStdout(), n, header, n.row())
		},
	}
	cli.CompleteArgs(cmd, 1, cli.ContextNames)
	return cmd
}

func newRemoveCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove NAME", Short: "Forget a context; its files stay", Args: cli.ExactArgs(1),
		Example: "  bpsc context remove prod",
		RunE: func(cmd *cobra.Command, args []string) error {
			var gone named
			err := cli.ChangeContexts(cmd.Context(), func(all *cli.Contexts) error {
				if _, err := all.Get(args[0]); err != nil {
					return err
				}
				gone = show(all, args[0])
				delete(all.All, gone.Name)
				if gone.Current {
					all.Current = ""
				}
				return nil
			})
			if err != nil {
				return err
			}
			text := fmt.Sprintf("The context %s is removed.\n", gone.Name)
			if gone.Current {
				text = fmt.Sprintf("The context %s is removed; none is in use now.\n", gone.Name)
			}
			return o.Say(cmd.OutOrStdout(), gone, text)
		},
	}
	cli.CompleteArgs(cmd, 1, cli.ContextNames)
	return cmd
}
