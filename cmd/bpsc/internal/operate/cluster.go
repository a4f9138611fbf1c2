package operate

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

func newClusterCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{Use: "cluster", Short: "Look at the cluster, and change who its members are"}
	status := &cobra.Command{
		Use: "status", Short: "Show members, roles, terms and indexes", Args: cli.ExactArgs(0),
		Example: "  bpsc cluster status\n  bpsc cluster status --watch",
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) error {
			answer, err := c.Get(ctx, "/v1/cluster")
			if err != nil {
				return err
			}
			return printCluster(o, cmd, answer)
		}),
	}
	o.Watchable(status)
	cmd.AddCommand(status, newEventsCommand(o), newClusterKeysCommand(o), newActivateCommand(o))
	cmd.AddCommand(newChangeCommands(o)...)
	cmd.AddCommand(newRebuildCommand(o), newRecoverCommand(o))
	return cmd
}

func printCluster(o *cli.Options, cmd *cobra.Command, answer json.RawMessage) error {
	var s struct {
		Configuration uint64
		Members       []struct {
			ID, Raft, API, Role, Waits       string
			Voter, Stays                     bool
			Term, Applied, Commit, Last, Lag uint64
			Ready, Signing                   bool
			NotReady                         string `json:"not_ready"`
			NotSigning                       string `json:"not_signing"`
			Version                          string
			LevelActive                      uint64 `json:"level_active"`
		}
	}
	if err := json.Unmarshal(answer, &s); err != nil {
		return err
	}
	var rows []table.Row
	for _, m := range s.Members {
		vote := yesOrWhyNot(m.Voter, m.Waits)
		rows = append(rows, table.Row{m.ID, m.Role, vote, m.API, m.Raft, m.Term, m.Applied, m.Commit, m.Last, m.Lag,
			judged(m.Ready, m.NotReady), judged(m.Signing, m.NotSigning), m.Version, m.LevelActive})
	}
	if err := o.Print(cmd.OutOrStdout(), answer,
		table.Row{"member", "role", "votes", "api", cli.Extra("raft"), cli.Extra("term"), "applied", cli.Extra("commit"), cli.Extra("last"), "lag", "ready",
			cli.Extra("signing"), cli.Extra("version"), cli.Extra("level")}, rows...); err != nil || !o.ForPeople() {
		return err
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "The configuration is that of entry %d.\n", s.Configuration)
	return err
}

// judged is yesOrWhyNot as a cell that is good or bad.
func judged(yes bool, why string) any {
	if yes {
		return cli.Good("yes")
	}
	return cli.Bad(yesOrWhyNot(yes, why))
}

func yesOrWhyNot(yes bool, why string) string {
	switch {
	case yes:
		return "yes"
	case why == "":
		return "no"
	}
	return "no: " + why
}
