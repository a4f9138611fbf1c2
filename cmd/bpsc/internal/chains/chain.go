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

func newChainCommand(o *cli.Options) *cobra.Command {
	var from, limit uint64
	cmd := &cobra.Command{
		Use: "chain", Short: "List the blocks of a chain", Args: cli.ExactArgs(0),
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) error {
			switch {
			case from == 0:
				return cli.ArgError("--from: blocks count from 1")
			case o.Output == "json":
				return streamChain(ctx, o, cmd, c, from, limit)
			}
			return tableChain(ctx, o, cmd, c, from, limit)
		}),
	}
	cmd.Flags().Uint64Var(&from, "from", 1, "first block to list")
	cmd.Flags().Uint64Var(&limit, "limit", 0, "how many blocks to list at most; 0 is all")
	cmd.AddCommand(newVerifyCommand(o), newExportCommand(o))
	return cmd
}

// streamChain prints one canonical block a line, as they arrive.
func streamChain(ctx context.Context, o *cli.Options, cmd *cobra.Command, c *client.Client, from, limit uint64) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	err := c.Blocks(ctx, o.Contract, from, limit, func(canonical []byte) error {
		_, err := out.Write(append(canonical, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

func tableChain(ctx context.Context, o *cli.Options, cmd *cobra.Command, c *client.Client, from, limit uint64) error {
	genesis, err := c.Block(ctx, o.Contract, 1)
	if err != nil {
		return err
	}
	first, err := chain.DecodeBlock(genesis, 0)
	if err != nil || first.Contract == nil {
		return fmt.Errorf("%w: block 1 is no genesis block: %w", chain.ErrInvalid, err)
	}
	var rows []table.Row
	err = c.Blocks(ctx, o.Contract, from, limit, func(canonical []byte) error {
		b, err := chain.DecodeBlock(canonical, first.Contract.Decimals)
		if err != nil {
			return err
		}
		when := b.Timestamp.Time().UTC().Format("2006-01-02 15:04:05.000")
		rows = append(rows, table.Row{b.Index, when, b.Trigger, len(b.Records), cli.Short(b.PreviousHash),
			cli.Short(chain.HashBytes(canonical).String())})
		return nil
	})
	if err != nil {
		return err
	}
	return o.Print(cmd.OutOrStdout(), nil, table.Row{"block", "time (UTC)", "trigger", "records", "previous hash", "hash"}, rows...)
}

func newExportCommand(o *cli.Options) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "export --file F.ndjson.zst", Short: "Write a chain and its checkpoint to a file", Args: cli.ExactArgs(0),
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
				table.Row{b.Index, len(b.Transactions), cli.Short(b.PreviousHash)})
		}),
	}
}

func newBlockCommand(o *cli.Options) *cobra.Command {
	return &cobra.Command{
		Use: "block INDEX", Short: "Print the canonical bytes of a block", Args: cli.ExactArgs(1),
		Long: "Print the canonical bytes of a block and nothing else, so that their SHA-256 is the\nhash that the next block carries.",
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
