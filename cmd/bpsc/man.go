package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/release"
)

// newManCommand writes the manual pages, which packages bring along. What they say is
// what --help says.
func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write manual pages into a folder", Args: cli.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := durable.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // no day of the build in it
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "bpsc " + release.Version, Manual: "bpsc"}, args[0])
		},
	}
}
