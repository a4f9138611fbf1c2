package chains

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// newest is how many blocks bpsc chain lists that nobody said anything else of.
const newest = 20

func newChainCommand(o *cli.Options) *cobra.Command {
	var from, limit uint64
	cmd := &cobra.Command{
		Use: "chain", Short: "List the newest blocks of a chain", Args: cli.ExactArgs(0),
		Long: "List the newest 20 blocks of a chain, or with --from all from that one on. With -o json each block is\n" +
			"a line, in its canonical form.",
		Example: "  bpsc chain\n  bpsc chain --watch\n  bpsc chain --from 1 -o csv\n  bpsc chain --from 100 --limit 10",
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) error {
			if cmd.Flags().Changed("from") && from == 0 {
				return cli.ArgError("--from: blocks count from 1")
			}
			info, err := c.Contract(ctx, o.Contract)
			if err != nil {
				return err
			}
			first, most := from, limit
			if first == 0 {
				if !cmd.Flags().Changed("limit") {
					most = newest
				}
				if first = 1; most > 0 {
					first = max(info.Length, most) - most + 1
				}
			}
			return listChain(ctx, o, cmd, c, &info.Contract, first, most)
		}),
	}
	cmd.Flags().Uint64Var(&from, "from", 0, "first block to list (default: so that the newest are listed)")
	cmd.Flags().Uint64Var(&limit, "limit", 0, "how many blocks to list at most; 0 is all (default: 20, with --from all)")
	o.Watchable(cmd)
	cmd.AddCommand(newVerifyCommand(o), newExportCommand(o))
	return cmd
}

// listChain prints blocks: for programs one by one, as they arrive.
func listChain(ctx context.Context, o *cli.Options, cmd *cobra.Command, c *client.Client, contract *chain.Contract, from, limit uint64) error {
	switch o.Output {
	case cli.JSON:
		return streamChain(ctx, cmd, c, contract.Token, from, limit, func(out io.Writer, canonical []byte) error {
			_, err := out.Write(append(canonical, '\n'))
			return err
		})
	case cli.YAML:
		return streamChain(ctx, cmd, c, contract.Token, from, limit, func(out io.Writer, canonical []byte) error {
			if _, err := io.WriteString(out, "---\n"); err != nil {
				return err
			}
			return o.Print(out, json.RawMessage(canonical), nil)
		})
	}
	return tableChain(ctx, o, cmd, c, contract, from, limit)
}

func streamChain(ctx context.Context, cmd *cobra.Command, c *client.Client, token string, from, limit uint64, write func(io.Writer, []byte) error) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	if err := c.Blocks(ctx, token, from, limit, func(canonical []byte) error { return write(out, canonical) }); err != nil {
		return err
	}
	return out.Flush()
}

func tableChain(ctx context.Context, o *cli.Options, cmd *cobra.Command, c *client.Client, contract *chain.Contract, from, limit uint64) error {
	var rows []table.Row
	err := c.Blocks(ctx, contract.Token, from, limit, func(canonical []byte) error {
		b, err := chain.DecodeBlock(canonical, contract.Decimals)
		if err != nil {
			return err
		}
		when := b.Timestamp.Time().UTC().Format("2006-01-02 15:04:05.000")
		rows = append(rows, table.Row{b.Index, when, b.Trigger, len(b.Records), cli.Digest(b.PreviousHash),
			cli.Digest(chain.HashBytes(canonical).String())})
		return nil
	})
	if err != nil {
		return err
	}
	return o.Print(cmd.OutOrStdout(), nil, table.Row{"block", "time (UTC)", "trigger", "records", cli.Extra("previous hash"), "hash"}, rows...)
}

func newExportCommand(o *cli.Options) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "export --file F.ndjson.zst", Short: "Write a chain and its checkpoint to a file", Args: cli.ExactArgs(0),
		Example: `  bpsc chain export --file aka.ndjson.zst`,
		Long: "Write all blocks up to the newest checkpoint, and the checkpoint, to a file (- is standard\n" +
			"output): zstd over one canonical block a line, at last {\"checkpoint\": …}. `bpsc chain verify\n" +
			"--file` checks it, without a network. --timeout is how long the download may pause.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return cli.ArgError("--file is needed; - is standard output")
			}
			c, err := o.Client()
			if err != nil {
				return err
			}
			c.Pause = o.Timeout
			server, blocks := &audit.Server{Client: c, Token: o.Contract}, uint64(0)
			progress := cli.NewProgress("", "exported")
			defer progress.End()
			err = cli.WriteFile(file, cmd.OutOrStdout(), func(w io.Writer) (err error) {
				blocks, err = server.Export(cmd.Context(), w, progress.At)
				return err
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d blocks and their checkpoint exported\n", server.Token, blocks)
			return err
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "where to write")
	return cmd
}

func newMineCommand(o *cli.Options) *cobra.Command {
	return &cobra.Command{
		Use: "mine", Short: "Produce a block now", Args: cli.ExactArgs(0),
		Example: `  bpsc mine`,
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) error {
			answer, err := c.Mine(ctx, o.Contract)
			if err != nil {
				return err
			}
			var b struct {
				Index        uint64            `json:"index"`
				Transactions []json.RawMessage `json:"transactions"`
				PreviousHash string            `json:"previous_hash"`
			}
			if err := json.Unmarshal(answer, &b); err != nil {
				return err
			}
			return o.Print(cmd.OutOrStdout(), answer, table.Row{"block", "records", "previous hash"},
				table.Row{b.Index, len(b.Transactions), cli.Digest(b.PreviousHash)})
		}),
	}
}

func newBlockCommand(o *cli.Options) *cobra.Command {
	return &cobra.Command{
		Use: "block INDEX", Short: "Print the canonical bytes of a block", Args: cli.ExactArgs(1),
		Example: `  bpsc block 7 | sha256sum`,
		Long:    "Print the canonical bytes of a block and nothing else, so that their SHA-256 is the\nhash that the next block carries.",
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) error {
			index, err := cli.ParseIndex(args[0])
			if err != nil {
				return err
			}
			canonical, err := c.Block(ctx, o.Contract, index)
			if err == nil {
				_, err = cmd.OutOrStdout().Write(canonical)
			}
			return err
		}),
	}
}
