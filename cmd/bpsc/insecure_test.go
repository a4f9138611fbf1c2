package main

import (
	"regexp"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/client"
)

// Who is not let send a secret over plain HTTP is told how to say that it is meant: each command
// that sends one to a node has the flag of that name.
func TestTheFlagThatARefusalNamesIsThere(t *testing.T) {
	name := regexp.MustCompile(`\(--([a-z-]+)\)`).FindStringSubmatch(client.ErrTokenInClear.Error())
	require.NotNil(t, name)
	checked := 0
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		flag := func(name string) bool { return cmd.Flag(name) != nil || cmd.InheritedFlags().Lookup(name) != nil }
		if flag("operator-secret-file") && (flag("server") || flag("from")) {
			checked++
			require.True(t, flag(name[1]), "%s has no --%s", cmd.CommandPath(), name[1])
		}
		for _, sub := range cmd.Commands() {
			look(sub)
		}
	}
	look(newRootCommand())
	require.Greater(t, checked, 5)
}
