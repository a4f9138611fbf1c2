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
	"github.com/bpsc/bpsc/fsm"
)

func newChainCommand(o *clientOptions) *cobra.Command {
	var from uint64
	cmd := &cobra.Command{
		Use: "chain", Short: "List the blocks of a chain", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, func(ctx context.Context, c *client.Client) error {
				if o.output == "json" {
					return streamChain(ctx, cmd, c, o.contract, from)
				}
				return o.tableChain(ctx, cmd, c, from)
			})
		},
	}
	cmd.Flags().Uint64Var(&from, "from", 1, "first block to list")
	cmd.AddCommand(newVerifyCommand(o))
	return cmd
}

// streamChain prints one canonical block a line, as they arrive.
func streamChain(ctx context.Context, cmd *cobra.Command, c *client.Client, contract string, from uint64) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	err := c.Blocks(ctx, contract, from, func(canonical []byte) error {
		_, err := out.Write(append(canonical, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

func (o *clientOptions) tableChain(ctx context.Context, cmd *cobra.Command, c *client.Client, from uint64) error {
	genesis, err := c.Block(ctx, o.contract, 1)
	if err != nil {
		return err
	}
	first, err := chain.DecodeBlock(genesis, 0)
	if err != nil || first.Contract == nil {
		return fmt.Errorf("%w: block 1 is no genesis block: %w", chain.ErrInvalid, err)
	}
	var rows []table.Row
	err = c.Blocks(ctx, o.contract, from, func(canonical []byte) error {
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

// verified is what a chain came to when all of it verified.
type verified struct {
	Contract string `json:"contract"`
	Blocks   uint64 `json:"blocks"`
	Records  uint64 `json:"records"`
	Tip      string `json:"tip"`
}

func newVerifyCommand(o *clientOptions) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Download a chain and check all of it", Args: exactArgs(0),
		Long: "Download a chain and check all of it: canonical form, hashes, Merkle roots, fees,\n" +
			"schedule, ids, balances and totals. Exits with 5 when it does not verify.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, func(ctx context.Context, c *client.Client) error {
				auditor := fsm.NewAuditor()
				err := c.Blocks(ctx, o.contract, 1, func(canonical []byte) error {
					_, err := auditor.Next(canonical)
					return err
				})
				if err != nil {
					return err
				}
				v := verified{Contract: auditor.Verifier.Contract.Token, Blocks: auditor.Verifier.Length(),
					Records: auditor.Records, Tip: auditor.Verifier.Tip().String()}
				if o.output == "json" {
					return printJSON(cmd.OutOrStdout(), v)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d blocks with %d records verify; the newest has hash %s\n",
					v.Contract, v.Blocks, v.Records, v.Tip)
				return err
			})
		},
	}
}
