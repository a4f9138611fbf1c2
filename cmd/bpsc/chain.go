package main

import (
	"bufio"
	"context"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
)

func newChainCommand(o *clientOptions) *cobra.Command {
	var from, limit uint64
	cmd := &cobra.Command{
		Use: "chain", Short: "List the blocks of a chain", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == 0 {
				return argError("--from: blocks count from 1")
			}
			return o.with(cmd, func(ctx context.Context, c *client.Client) error {
				if o.output == "json" {
					return streamChain(ctx, cmd, c, o.contract, from, limit)
				}
				return o.tableChain(ctx, cmd, c, from, limit)
			})
		},
	}
	cmd.Flags().Uint64Var(&from, "from", 1, "first block to list")
	cmd.Flags().Uint64Var(&limit, "limit", 0, "how many blocks to list at most; 0 is all")
	cmd.AddCommand(newVerifyCommand(o), newExportCommand(o))
	return cmd
}

// streamChain prints one canonical block a line, as they arrive.
func streamChain(ctx context.Context, cmd *cobra.Command, c *client.Client, contract string, from, limit uint64) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	err := c.Blocks(ctx, contract, from, limit, func(canonical []byte) error {
		_, err := out.Write(append(canonical, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

func (o *clientOptions) tableChain(ctx context.Context, cmd *cobra.Command, c *client.Client, from, limit uint64) error {
	genesis, err := c.Block(ctx, o.contract, 1)
	if err != nil {
		return err
	}
	first, err := chain.DecodeBlock(genesis, 0)
	if err != nil || first.Contract == nil {
		return fmt.Errorf("%w: block 1 is no genesis block: %w", chain.ErrInvalid, err)
	}
	var rows []table.Row
	err = c.Blocks(ctx, o.contract, from, limit, func(canonical []byte) error {
		b, err := chain.DecodeBlock(canonical, first.Contract.Decimals)
		if err != nil {
			return err
		}
		when := time.UnixMicro(b.Timestamp).UTC().Format("2006-01-02 15:04:05.000")
		rows = append(rows, table.Row{b.Index, when, b.Trigger, len(b.Records), short(b.PreviousHash),
			short(chain.HashBytes(canonical).String())})
		return nil
	})
	if err != nil {
		return err
	}
	return o.print(cmd.OutOrStdout(), nil, table.Row{"block", "time (UTC)", "trigger", "records", "previous hash", "hash"}, rows...)
}
