package ledger

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/wallet"
)

// sendOptions are the flags of `bpsc send`.
type sendOptions struct {
	*signing
	from, to, amount, memo string
	key                    string        // of open contracts
	holdUntil              time.Duration // of signed ones
}

func newSendCommand(o *cli.Options) *cobra.Command {
	s := &sendOptions{signing: newSigning(o)}
	cmd := &cobra.Command{
		Use: "send --from A --to B --amount N", Short: "Transfer tokens", Args: cli.ExactArgs(0),
		Example: `  bpsc send --from alice --to bob --amount 12.5 --key invoice-17
  bpsc send --from alice --to bob --amount 9 --hold-until 24h
  bpsc send --from alice --to bob --amount 9 --offline --contract aka --chain-id "$CHAIN" --decimals 6 > tx.json`,
		Long: "Transfer tokens. In a signed contract --from is a wallet of `bpsc wallet`, which signs\n" +
			"here, and --to one or an address; in an open one both are names. The transfer is sent\n" +
			"again, the same, until its outcome is known, and happens once.",
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	s.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&s.from, "from", "", "sender's wallet")
	f.StringVar(&s.to, "to", "", "recipient's wallet")
	f.StringVar(&s.amount, "amount", "", "tokens, such as 12.5")
	f.StringVar(&s.memo, "memo", "", "text that stands in the record")
	f.StringVar(&s.key, "key", "", "open contracts: idempotency key (default: a random one)")
	cli.CompleteFunc(cmd, "from", s.keys.names)
	cli.CompleteFunc(cmd, "to", s.keys.names)
	f.DurationVar(&s.holdUntil, "hold-until", 0, "signed contracts: hold the tokens for the recipient to accept within this time")
	return cmd
}

func (s *sendOptions) run(cmd *cobra.Command) error {
	if s.from == "" || s.to == "" || s.amount == "" {
		return cli.ArgError("--from, --to and --amount are required")
	}
	if s.holdUntil != 0 && (s.holdUntil < time.Second || s.holdUntil > chain.MaxHold) {
		return cli.ArgError("--hold-until is 1s to %s", chain.MaxHold)
	}
	t, err := s.terms(cmd)
	if err != nil {
		return err
	}
	if t.contract.Wallets == chain.OpenWallets {
		return s.sendOpen(cmd, &t)
	}
	if s.key != "" {
		return cli.ArgError("--key is of open contracts: what is signed is its own key")
	}
	return s.signAndSend(cmd, &t, s.from, s.fill)
}

func (s *sendOptions) fill(t *terms, tx *chain.Transaction) (err error) {
	tx.Kind, tx.Memo = chain.Transfer, s.memo
	if s.holdUntil > 0 {
		tx.Kind, tx.HoldUntil = chain.Hold, chain.SecondsOf(t.moment.Chain.Add(s.holdUntil))
	}
	if tx.Amount, err = t.amount("amount", s.amount); err != nil {
		return err
	}
	tx.Recipient, err = s.keys.address("to", s.to)
	return err
}

// sendOpen transfers between names. Nothing is signed.
func (s *sendOptions) sendOpen(cmd *cobra.Command, t *terms) error {
	if s.holdUntil > 0 {
		return cli.ArgError("--hold-until is of signed contracts")
	}
	amount, err := t.amount("amount", s.amount)
	if err != nil {
		return err
	}
	transfer := client.Transfer{
		Contract: t.contract.Token, Sender: s.from, Recipient: s.to, Memo: s.memo, Key: cmp.Or(s.key, rand.Text()),
		Amount: json.Number(chain.AppendAmount(nil, amount, t.contract.Decimals)),
	}
	return deliver(s.Options, cmd, delivery{
		kind: chain.Transfer, chain: t.chainID, name: "key " + transfer.Key,
		send: func(ctx context.Context, c *client.Client) (client.Result, error) { return c.Send(ctx, transfer) },
		again: fmt.Sprintf("Repeat the same command with --key %s, as often as you like: it happens once.\n"+
			"Without that key it may happen twice.\n", transfer.Key),
	})
}

func newSubmitCommand(o *cli.Options) *cobra.Command {
	return &cobra.Command{
		Use: "submit FILE|-", Short: "Send a transaction that was signed with --offline", Args: cli.ExactArgs(1),
		Example: `  bpsc submit tx.json`,
		Long:    "Send a transaction that was signed with --offline. It may be sent any number of times\nand happens once.",
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := cli.ReadInput(args[0])
			if err != nil {
				return err
			}
			tx, err := client.ParseSigned(text)
			if err != nil {
				return cli.ArgError("%s: %w", args[0], err)
			}
			var id chain.Hash
			err = o.With(cmd, func(ctx context.Context, c *client.Client) (err error) {
				id, err = identify(ctx, o, c, &tx)
				return err
			})
			if err != nil {
				return err
			}
			return submit(o, cmd, tx, id)
		},
	}
}

// identify finds a transaction's id and checks that its signature is for the
// servers' chain, whose id it returns: for another one the ledger would refuse it.
func identify(ctx context.Context, o *cli.Options, c *client.Client, tx *client.SignedTransaction) (id chain.Hash, err error) {
	if tx.Contract == "" {
		tx.Contract = o.Contract
	} else if o.Contract != "" && o.Contract != tx.Contract {
		return id, cli.ArgError("--contract is %s, the transaction says %s", o.Contract, tx.Contract)
	}
	info, err := c.Contract(ctx, tx.Contract)
	if err != nil {
		return id, err
	}
	signed, err := tx.Transaction(info.Contract.Decimals)
	if err != nil {
		return id, cli.ArgError("%w", err)
	}
	tx.ID, err = wallet.Verify(&signed, info.ChainID, info.Contract.Decimals)
	if err != nil {
		return id, fmt.Errorf("%w: %w", cli.ErrRejected, err)
	}
	return info.ChainID, nil
}

// submit sends a signed transaction to the chain of that id and prints what
// became of it.
func submit(o *cli.Options, cmd *cobra.Command, tx client.SignedTransaction, id chain.Hash) error {
	return deliver(o, cmd, delivery{
		kind: tx.Kind, chain: id, name: "transaction " + tx.ID.String(),
		send: func(ctx context.Context, c *client.Client) (client.Result, error) { return c.Submit(ctx, tx) },
		again: fmt.Sprintf("Do not sign it anew. Keep this line and give it to `bpsc submit`, as often as you like,\n"+
			"or ask with `bpsc tx %s --expires %d`:\n%s", tx.ID, tx.Expires, tx.Encode()),
	})
}

// delivery is a transaction that is to be sent, signed or under a key.
type delivery struct {
	kind  chain.Kind
	chain chain.Hash // its id
	name  string     // by which errors call it
	send  func(context.Context, *client.Client) (client.Result, error)
	again string // what to do while nobody knows whether it was applied: anything else may pay twice
}

// deliver sends d until it is known what became of it, and prints that.
func deliver(o *cli.Options, cmd *cobra.Command, d delivery) error {
	return o.With(cmd, func(ctx context.Context, c *client.Client) error {
		r, err := d.send(ctx, c)
		if errors.Is(err, client.ErrOutcomeUnknown) {
			fmt.Fprint(cmd.ErrOrStderr(), d.again)
		}
		noteSeenBlock(d.chain, r.Block)
		if r.Status == client.StatusUnknown && err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		if err := printResult(o, cmd, &r); err != nil {
			return err
		}
		return verdict(&r, d.kind)
	})
}

// verdict is the error of a transaction that was decided otherwise than asked.
// A transfer that came back as a refund is final, and yet not what was wanted.
func verdict(r *client.Result, asked chain.Kind) error {
	switch {
	case r.Status == client.StatusRefused:
		return fmt.Errorf("%w: %s (%s)", cli.ErrRejected, r.Detail, r.Code)
	case r.Status == client.StatusExpired:
		why := "it expired before it was applied"
		if r.Detail != "" {
			why += ". " + r.Detail
		}
		return fmt.Errorf("%w: %s", cli.ErrRejected, why)
	case r.Kind == chain.Refund && asked != chain.Reject:
		return fmt.Errorf("%w: everything went back to the sender (%s)", cli.ErrRejected, r.Reason)
	}
	return nil
}

func printResult(o *cli.Options, cmd *cobra.Command, r *client.Result) error {
	var f struct {
		Amount        json.Number `json:"amount"`
		AmountSend    json.Number `json:"amount_send"`
		AmountBPSC    json.Number `json:"amount_bpsc"`
		AmountReceive json.Number `json:"amount_receive"`
		AmountRefund  json.Number `json:"amount_refund"`
	}
	_ = json.Unmarshal(r.Record, &f) // a refusal has none; what cannot be read is shown empty
	moved := cmp.Or(f.AmountSend, f.Amount, f.AmountRefund)
	why := cmp.Or(string(r.Reason), r.Resolved, r.Code)
	var block, position any = r.Block, r.Position
	if r.Block == 0 {
		block, position = "", ""
	}
	return o.Print(cmd.OutOrStdout(), r,
		table.Row{"id", "status", "kind", "block", "position", "amount", "fee", "received", "why"},
		table.Row{r.ID, r.Status, r.Kind, block, position, moved, f.AmountBPSC, f.AmountReceive, why})
}

func newTxCommand(o *cli.Options) *cobra.Command {
	var expires int64
	cmd := &cobra.Command{
		Use: "tx ID", Short: "Show what became of a transaction", Args: cli.ExactArgs(1),
		Example: `  bpsc tx "$ID"`,
		Long: "Show what became of a transaction: unknown, pending, final, refused or expired. That\n" +
			"one has expired can be told only with --expires, the time in it.",
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := chain.ParseHash(args[0])
			if err != nil {
				return cli.ArgError("%v", err)
			}
			r, err := c.Status(ctx, o.Contract, id, chain.Seconds(expires))
			if err != nil {
				return err
			}
			return printResult(o, cmd, &r)
		}),
	}
	cmd.Flags().Int64Var(&expires, "expires", 0, "when it expires, in unix seconds")
	cli.CompleteArgs(cmd, 1, o.Asked(cli.RecordIDs))
	o.ConsistencyFlag(cmd)
	return cmd
}
