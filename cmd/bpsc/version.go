package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/internal/release"
)

func newVersionCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version of this program, and the newest level that it knows", Args: exactArgs(0),
		Long: "Print the version of this program, and the newest level that it knows. A cluster does\n" +
			"what its active level says, which all of its members know: see bpsc cluster activate.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versionJSON{Version: release.Version, Level: release.Newest, Revision: revision()}
			return o.say(cmd.OutOrStdout(), v, v.String())
		},
	}
	o.outputFlag(cmd)
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
