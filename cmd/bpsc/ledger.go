package main

import (
	"context"
	"encoding/json"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
)

// forged is the answer to a request for a block.
type forged struct {
	Index        uint64            `json:"index"`
	Transactions []json.RawMessage `json:"transactions"`
	PreviousHash string            `json:"previous_hash"`
}

func newMineCommand(o *clientOptions) *cobra.Command {
	return &cobra.Command{
		Use: "mine", Short: "Produce a block now", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, func(ctx context.Context, c *client.Client) error {
				answer, err := c.Mine(ctx, o.contract)
				if err != nil {
					return err
				}
				var b forged
				if err := json.Unmarshal(answer, &b); err != nil {
					return err
				}
				return o.print(cmd.OutOrStdout(), answer, table.Row{"block", "records", "previous hash"},
					table.Row{b.Index, len(b.Transactions), short(b.PreviousHash)})
			})
		},
	}
}

func newBlockCommand(o *clientOptions) *cobra.Command {
	return &cobra.Command{
		Use: "block INDEX", Short: "Print the canonical bytes of a block", Args: exactArgs(1),
		Long: "Print the canonical bytes of a block and nothing else, so that their SHA-256 is the\nhash that the next block carries.",
		RunE: func(cmd *cobra.Command, args []string) error {
			index, err := parseIndex(args[0])
			if err != nil {
				return err
			}
			return o.with(cmd, func(ctx context.Context, c *client.Client) error {
				canonical, err := c.Block(ctx, o.contract, index)
				if err == nil {
					_, err = cmd.OutOrStdout().Write(canonical)
				}
				return err
			})
		},
	}
}

func newAccountCommand(o *clientOptions) *cobra.Command {
	k := &keyOptions{}
	cmd := &cobra.Command{
		Use: "account NAME", Short: "Show the balance of a wallet", Args: exactArgs(1),
		Long: "Show the balance of a wallet: in a signed contract an address or a wallet of `bpsc wallet`,\nin an open one a name.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd, func(ctx context.Context, c *client.Client) error {
				info, err := c.Contract(ctx, o.contract)
				if err != nil {
					return err
				}
				name, err := k.account(&info.Contract, args[0])
				if err != nil {
					return err
				}
				var answer json.RawMessage
				err = o.readOwnWrites(ctx, cmd, c, &info, func(ctx context.Context) (err error) {
					answer, err = c.Account(ctx, info.Contract.Token, name)
					return err
				})
				if err != nil {
					return err
				}
				return o.printAccount(cmd, answer)
			})
		},
	}
	k.dirFlag(cmd)
	o.consistencyFlag(cmd)
	return cmd
}

func (o *clientOptions) printAccount(cmd *cobra.Command, answer json.RawMessage) error {
	var a struct {
		Address  string      `json:"address"`
		Contract string      `json:"contract"`
		Balance  json.Number `json:"balance"`
		Records  uint64      `json:"records"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return err
	}
	return o.print(cmd.OutOrStdout(), answer, table.Row{"wallet", "token", "balance", "records"},
		table.Row{a.Address, a.Contract, a.Balance, a.Records})
}

func newClusterCommand(o *clientOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "cluster", Short: "Look at the cluster"}
	cmd.AddCommand(&cobra.Command{
		Use: "status", Short: "Show members, roles, terms and indexes", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, func(ctx context.Context, c *client.Client) error {
				answer, err := c.Get(ctx, "/v1/cluster")
				if err != nil {
					return err
				}
				return o.printCluster(cmd, answer)
			})
		},
	}, newClusterKeysCommand(o))
	return cmd
}

func (o *clientOptions) printCluster(cmd *cobra.Command, answer json.RawMessage) error {
	var s struct {
		Members []struct {
			ID, Raft, API, Role              string
			Term, Applied, Commit, Last, Lag uint64
			Ready, Signing                   bool
			NotReady                         string `json:"not_ready"`
			NotSigning                       string `json:"not_signing"`
		}
	}
	if err := json.Unmarshal(answer, &s); err != nil {
		return err
	}
	var rows []table.Row
	for _, m := range s.Members {
		rows = append(rows, table.Row{m.ID, m.Role, m.API, m.Raft, m.Term, m.Applied, m.Commit, m.Last, m.Lag,
			yesOrWhyNot(m.Ready, m.NotReady), yesOrWhyNot(m.Signing, m.NotSigning)})
	}
	return o.print(cmd.OutOrStdout(), answer,
		table.Row{"member", "role", "api", "raft", "term", "applied", "commit", "last", "lag", "ready", "signing"}, rows...)
}

func yesOrWhyNot(yes bool, why string) string {
	if yes {
		return "yes"
	}
	return "no: " + why
}
