package chains

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

func newReceiptCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{Use: "receipt", Short: "Files that prove a record to anybody, offline"}
	cmd.AddCommand(newReceiptGetCommand(o), newReceiptVerifyCommand(o))
	return cmd
}

func newReceiptGetCommand(o *cli.Options) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "get ID", Short: "Fetch the receipt of a transaction", Args: cli.ExactArgs(1),
		Example: `  bpsc receipt get "$ID" --file paid.tlog-proof`,
		Long: "Fetch the receipt of a transaction, once the members have signed for its block, which takes\n" +
			"a second or so. Nothing is verified here but that it is a receipt and of that id.",
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := chain.ParseHash(args[0])
			if err != nil {
				return cli.ArgError("%q is not the id of a transaction: 64 lower-case hex digits", args[0])
			}
			data, err := c.Receipt(ctx, o.Contract, id.String(), o.Timeout/2)
			if err != nil {
				return err
			}
			if err := isReceiptOf(data, id); err != nil {
				return audit.Invalid(err)
			}
			return cli.WriteFile(file, cmd.OutOrStdout(), func(w io.Writer) error {
				_, err := w.Write(data)
				return err
			})
		}),
	}
	cmd.Flags().StringVar(&file, "file", "-", "where to write it, - for standard output; ID"+proof.ReceiptSuffix+" is a good name")
	o.Flags(cmd)
	cli.CompleteArgs(cmd, 1, o.Asked(cli.RecordIDs))
	return cmd
}

func isReceiptOf(data []byte, id chain.ID) error {
	r, err := proof.ParseReceipt(data)
	if err != nil {
		return err
	}
	record, err := proof.ReadRecord(r.Record)
	if err == nil && record.ID != id.String() {
		err = fmt.Errorf("the server sent the receipt of %s", record.ID)
	}
	return err
}

func newReceiptVerifyCommand(o *cli.Options) *cobra.Command {
	var policy cli.PolicyFlags
	cmd := &cobra.Command{
		Use: "verify FILE --policy POLICY", Short: "Check a receipt without a network", Args: cli.ExactArgs(1),
		Example: `  bpsc receipt verify paid.tlog-proof --policy policy.txt`,
		Long: "Check a receipt without a network, by the policy file alone: which members' signatures\n" +
			"count, and how many. With the policies that followed, as bpsc cluster keys --history prints\n" +
			"them, a receipt is judged by the policy of its time. FILE - is standard input. Exits with 5\n" +
			"when it does not verify.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := policy.OrChosen(o, cmd); err != nil {
				return err
			}
			p, err := policy.Read()
			if err != nil {
				return err
			}
			data, err := cli.ReadBounded(args[0], proof.MaxReceiptBytes)
			if err != nil {
				return cli.ArgError("%w", err)
			}
			r, err := proof.ParseReceipt(data)
			var v *proof.Verified
			if err == nil {
				v, err = r.Verify(p)
			}
			if err != nil {
				return o.Refuse(cmd.OutOrStdout(), err)
			}
			return o.Say(cmd.OutOrStdout(), provenReceipt{
				Verified: true, Sentence: v.Sentence(), Contract: v.Token, ChainID: v.ChainID, Pinned: v.Pinned,
				Block: v.Block, BlockHash: v.BlockHash, Timestamp: chain.AppendTimestamp(nil, v.Timestamp),
				Position: v.Position, Record: r.Record,
				Checkpoint: signedBy{v.Checkpoint.Size, v.Checkpoint.Root, v.Members, v.MembersInPolicy, v.Witnesses},
			}, cli.Printable(v.Sentence())+"\n")
		},
	}
	policy.AddChosen(cmd)
	o.OutputFlag(cmd)
	return cmd
}

// provenReceipt is what a receipt proves, as JSON.
type provenReceipt struct {
	Verified   bool            `json:"verified"`
	Sentence   string          `json:"sentence"`
	Contract   string          `json:"contract"`
	ChainID    string          `json:"chain_id"` // its first 16 digits where the policy does not name the chain
	Pinned     bool            `json:"chain_in_policy"`
	Block      uint64          `json:"block"`
	BlockHash  chain.Hash      `json:"block_hash"`
	Timestamp  json.RawMessage `json:"timestamp"`
	Position   int             `json:"position"`
	Record     json.RawMessage `json:"record"`
	Checkpoint signedBy        `json:"checkpoint"`
}

// signedBy is a checkpoint and who signed it, as JSON.
type signedBy struct {
	Size      uint64         `json:"size"`
	Root      chain.Hash     `json:"root"`
	Members   []proof.Signer `json:"members,omitempty"`
	Of        int            `json:"of_members,omitempty"`
	Witnesses []proof.Signer `json:"witnesses,omitempty"`
}
