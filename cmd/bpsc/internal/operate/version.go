package operate

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/release"
)

// versionTimeout is how long version asks for a member that answers.
const versionTimeout = 10 * time.Second

func newVersionCommand() *cobra.Command {
	o := &cli.Options{Timeout: versionTimeout}
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version of this program, and the newest level that it knows", Args: cli.ExactArgs(0),
		Example: `  bpsc version
  bpsc version --server http://127.0.0.1:5000`,
		Long: "Print the version of this program, and the newest level that it knows; with --server those of\n" +
			"a cluster's members instead. A cluster does what its active level says, which all of its\n" +
			"members know: see bpsc cluster activate.",
		RunE: func(cmd *cobra.Command, args []string) error {
			v := versionJSON{Version: release.Version, Level: release.Newest, Revision: revision()}
			if len(o.Servers) == 0 {
				return o.Say(cmd.OutOrStdout(), v, v.String())
			}
			return o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) error {
				cluster, err := c.Cluster(ctx)
				if err != nil {
					return err
				}
				return printLevels(o, cmd, v, cluster.Members)
			})(cmd, args)
		},
	}
	cmd.Flags().StringSliceVarP(&o.Servers, "server", "s", nil, "URL or host:port of a member; may be repeated, tried in order")
	o.OutputFlag(cmd)
	return cmd
}

// versionJSON is what is known of a program.
type versionJSON struct {
	Version  string        `json:"version"`
	Level    release.Level `json:"level"`
	Revision string        `json:"revision,omitempty"`
}

func (v versionJSON) String() string {
	text := fmt.Sprintf("bpsc %s, level %d", v.Version, v.Level)
	if v.Revision != "" {
		text += ", commit " + v.Revision
	}
	return text + "\n"
}

// revision is the commit that this program was built of, with a plus where files were
// changed since; empty where the build does not say.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	commit, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	return commit + changed
}
