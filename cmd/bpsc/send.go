package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
)

// sendOptions are the flags of `bpsc send`.
type sendOptions struct {
	*signing
	from, to, amount, memo string
	key                    string        // of open contracts
	holdUntil              time.Duration // of signed ones
}

func newSendCommand(o *clientOptions) *cobra.Command {
	s := &sendOptions{signing: newSigning(o)}
	cmd := &cobra.Command{
		Use: "send --from A --to B --amount N", Short: "Transfer tokens", Args: exactArgs(0),
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
	f.DurationVar(&s.holdUntil, "hold-until", 0, "signed contracts: hold the tokens for the recipient to accept within this time")
	return cmd
}

func (s *sendOptions) run(cmd *cobra.Command) error {
	if s.from == "" || s.to == "" || s.amount == "" {
		return argError("--from, --to and --amount are required")
	}
	if s.holdUntil != 0 && (s.holdUntil < time.Second || s.holdUntil > chain.MaxHold) {
		return argError("--hold-until is 1s to %s", chain.MaxHold)
	}
	t, err := s.terms(cmd)
	if err != nil {
		return err
	}
	if t.contract.Wallets == chain.OpenWallets {
		return s.sendOpen(cmd, &t)
	}
	if s.key != "" {
		return argError("--key is of open contracts: what is signed is its own key")
	}
	return s.signAndSend(cmd, &t, s.from, s.fill)
}

func (s *sendOptions) fill(t *terms, tx *chain.Transaction) (err error) {
	tx.Kind, tx.Memo = chain.Transfer, s.memo
	if s.holdUntil > 0 {
		tx.Kind, tx.HoldUntil = chain.Hold, t.moment.Chain.Add(s.holdUntil).Unix()
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
		return argError("--hold-until is of signed contracts")
	}
	amount, err := t.amount("amount", s.amount)
	if err != nil {
		return err
	}
	transfer := client.Transfer{
		Contract: t.contract.Token, Sender: s.from, Recipient: s.to, Memo: s.memo, Key: cmp.Or(s.key, rand.Text()),
		Amount: json.Number(chain.AppendAmount(nil, amount, t.contract.Decimals)),
	}
	return s.deliver(cmd, delivery{
		kind: chain.Transfer, chain: t.chainID, name: "key " + transfer.Key,
		send: func(ctx context.Context, c *client.Client) (client.Result, error) { return c.Send(ctx, transfer) },
		again: fmt.Sprintf("Repeat the same command with --key %s, as often as you like: it happens once.\n"+
			"Without that key it may happen twice.\n", transfer.Key),
	})
}
