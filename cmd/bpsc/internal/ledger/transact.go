package ledger

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/wallet"
)

// newSignedCommand makes cmd one that does nothing but sign a transaction, with
// the key of --wallet, and send it. prepare looks at the arguments first.
func newSignedCommand(o *cli.Options, cmd *cobra.Command, wallet string, prepare func(s *signing, args []string) (fill, error)) *cobra.Command {
	s, name := newSigning(o), ""
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := prepare(s, args)
		if err != nil {
			return err
		}
		return s.run(cmd, name, f)
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&name, "wallet", "", wallet)
	cli.CompleteFunc(cmd, "wallet", s.keys.names)
	return cmd
}

func newAcceptCommand(o *cli.Options) *cobra.Command {
	return newDecideCommand(o, chain.Accept, "accept", "Take what is held for a wallet")
}

func newRejectCommand(o *cli.Options) *cobra.Command {
	return newDecideCommand(o, chain.Reject, "reject", "Send back what is held for a wallet")
}

// newDecideCommand is a recipient's decision about a hold.
func newDecideCommand(o *cli.Options, kind chain.Kind, verb, short string) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " HOLD-ID --wallet NAME", Short: short, Args: cli.ExactArgs(1),
		Example: "  bpsc " + verb + ` "$HOLD" --wallet bob`}
	cli.CompleteArgs(cmd, 1, func(cmd *cobra.Command) []string { return openHolds(o, cmd) })
	return newSignedCommand(o, cmd, "the recipient's wallet, which signs", func(_ *signing, args []string) (fill, error) {
		hold, err := chain.ParseHash(args[0])
		if err != nil {
			return nil, cli.ArgError("%q is not the id of a hold: %v", args[0], err)
		}
		return func(_ *terms, tx *chain.Transaction) error {
			tx.Kind, tx.Hold = kind, hold
			return nil
		}, nil
	})
}

// openHolds are those that wait for the wallet of --wallet, or for the only one that there is.
func openHolds(o *cli.Options, cmd *cobra.Command) []string {
	k := &keyOptions{}
	if dir, err := cmd.Flags().GetString("wallets"); err == nil {
		k.dir = dir
	}
	var named []string
	if name, err := cmd.Flags().GetString("wallet"); err == nil && name != "" {
		named = []string{name}
	}
	return o.Asked(func(ctx context.Context, o *cli.Options, c *client.Client) (ids []string, err error) {
		wallet, err := k.oneOrOnly(named)
		if err != nil {
			return nil, err
		}
		info, name, err := accountOf(ctx, o, c, k, wallet)
		if err != nil {
			return nil, err
		}
		page, err := c.Holds(ctx, info.Contract.Token, name, client.HoldQuery{Role: chain.HoldRecipient, Limit: completedHolds})
		for _, h := range page.Items {
			ids = append(ids, h.ID)
		}
		return ids, err
	})(cmd)
}

// completedHolds is how many ids a shell is given to choose from: a screen of them.
const completedHolds = 20

func newFreezeCommand(o *cli.Options) *cobra.Command {
	return newFrozenCommand(o, true, "freeze", "Stop a wallet from sending and receiving, as the issuer")
}

func newUnfreezeCommand(o *cli.Options) *cobra.Command {
	return newFrozenCommand(o, false, "unfreeze", "Let a frozen wallet go, as the issuer")
}

func newFrozenCommand(o *cli.Options, frozen bool, verb, short string) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " ADDRESS --wallet ISSUER", Short: short, Args: cli.ExactArgs(1),
		Example: "  bpsc " + verb + " bob --wallet issuer"}
	cli.CompleteArgs(cmd, 1, (&keyOptions{}).names)
	return newSignedCommand(o, cmd, "the issuer's wallet, which signs", func(s *signing, args []string) (fill, error) {
		return func(_ *terms, tx *chain.Transaction) error {
			account, err := s.keys.address("account", args[0])
			tx.Kind, tx.Rules = chain.Rules, &chain.RulesChange{Account: account, Frozen: &frozen}
			return err
		}, nil
	})
}

func newIssueCommand(o *cli.Options) *cobra.Command {
	return newPaymentCommand(o, chain.Issue, "issue", "Create tokens, as the issuer", "bpsc issue --to alice --amount 1000 --wallet issuer", true)
}

func newFeesCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{Use: "fees", Short: "Spend or burn held fees, as the treasurer"}
	cmd.AddCommand(newPaymentCommand(o, chain.Spend, "spend", "Pay held fees to somebody", "bpsc fees spend --to alice --amount 5 --wallet treasurer", true),
		newPaymentCommand(o, chain.Burn, "burn", "Destroy held fees", "bpsc fees burn --amount 5 --wallet treasurer", false))
	return cmd
}

// newPaymentCommand moves an amount by a role of the contract: to somebody, or
// out of the world.
func newPaymentCommand(o *cli.Options, kind chain.Kind, verb, short, example string, toSomebody bool) *cobra.Command {
	var to, amount, memo string
	cmd := &cobra.Command{Use: verb + " --amount N --wallet NAME", Short: short, Args: cli.ExactArgs(0), Example: "  " + example}
	f := cmd.Flags()
	f.StringVar(&amount, "amount", "", "tokens, such as 12.5")
	f.StringVar(&memo, "memo", "", "text that stands in the record")
	if toSomebody {
		cmd.Use = verb + " --to B --amount N --wallet NAME"
		f.StringVar(&to, "to", "", "recipient: a wallet or an address")
		cli.CompleteFunc(cmd, "to", (&keyOptions{}).names)
	}
	return newSignedCommand(o, cmd, "the wallet that signs", func(s *signing, _ []string) (fill, error) {
		if toSomebody && to == "" || amount == "" {
			return nil, cli.ArgError("usage: %s", cmd.UseLine())
		}
		return func(t *terms, tx *chain.Transaction) (err error) {
			tx.Kind, tx.Memo = kind, memo
			if tx.Amount, err = t.amount("amount", amount); err != nil || !toSomebody {
				return err
			}
			tx.Recipient, err = s.keys.address("to", to)
			return err
		}, nil
	})
}

// rulesOptions are the flags of `bpsc rules`; what is empty stays as it is.
type rulesOptions struct {
	*signing
	wallet, receive, perTransfer, perDay, rotateTo string
}

func newRulesCommand(o *cli.Options) *cobra.Command {
	p := &rulesOptions{signing: newSigning(o)}
	cmd := &cobra.Command{
		Use: "rules --wallet NAME", Short: "Change the rules of a wallet", Args: cli.ExactArgs(0),
		Example: `  bpsc rules --wallet bob --receive approve --per-day 500
  bpsc rules --wallet bob --rotate-to bob-2`,
		Long: "Change the rules of a wallet: how it receives, how much it sends, and whose key it is.\n" +
			"A limit that is tighter holds at once, one that is looser after the contract's delay.\n" +
			"--rotate-to stores a new key, which signs for the same address from then on.",
		RunE: func(cmd *cobra.Command, _ []string) error { return p.run(cmd) },
	}
	p.flags(cmd)
	p.keys.workFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&p.wallet, "wallet", "", "the wallet, which signs")
	f.StringVar(&p.receive, "receive", "", "auto, approve (hold each delivery) or closed (send everything back)")
	f.StringVar(&p.perTransfer, "per-transfer", "", "most it sends at once, or none")
	f.StringVar(&p.perDay, "per-day", "", "most it sends in a UTC day, or none")
	f.StringVar(&p.rotateTo, "rotate-to", "", "name under which to store a new key")
	cli.CompleteFunc(cmd, "wallet", p.keys.names)
	cli.Complete(cmd, "receive", string(chain.ReceiveAuto), string(chain.ReceiveApprove), string(chain.ReceiveClosed))
	return cmd
}

func (p *rulesOptions) run(cmd *cobra.Command) error {
	switch {
	case p.receive == "" && p.perTransfer == "" && p.perDay == "" && p.rotateTo == "":
		return cli.ArgError("nothing to change: give --receive, --per-transfer, --per-day or --rotate-to")
	case p.receive != "" && p.receive != string(chain.ReceiveAuto) && p.receive != string(chain.ReceiveApprove) && p.receive != string(chain.ReceiveClosed):
		return cli.ArgError("--receive is auto, approve or closed")
	}
	return p.signing.run(cmd, p.wallet, func(t *terms, tx *chain.Transaction) error {
		tx.Kind, tx.Rules = chain.Rules, &chain.RulesChange{}
		return p.fill(cmd, t, tx.Rules)
	})
}

func (p *rulesOptions) fill(cmd *cobra.Command, t *terms, change *chain.RulesChange) (err error) {
	if p.receive != "" {
		change.Receive = (*chain.Receive)(&p.receive)
	}
	if change.PerTransfer, err = t.limit("per-transfer", p.perTransfer); err != nil {
		return err
	}
	if change.PerDay, err = t.limit("per-day", p.perDay); err != nil || p.rotateTo == "" {
		return err
	}
	key, err := p.rotate(cmd)
	if err != nil {
		return err
	}
	public := key.PublicKey()
	change.NewKey = &public
	return nil
}

// limit reads an amount or "none"; nil for no change.
func (t *terms) limit(flag, text string) (*chain.Amount, error) {
	switch text {
	case "":
		return nil, nil
	case "none":
		return new(chain.Amount), nil
	}
	a, err := t.amount(flag, text)
	return &a, err
}

// rotate finds or stores the wallet's next key. It is on disk before the
// ledger learns of it, and used again when the command is run again: there is
// no moment in which nobody has the key that counts.
func (p *rulesOptions) rotate(cmd *cobra.Command) (*wallet.Key, error) {
	if p.rotateTo == p.wallet {
		return nil, cli.ArgError("--rotate-to needs another name: the old key is not overwritten")
	}
	old, err := p.keys.unlock(cmd, p.wallet)
	if err != nil {
		return nil, err
	}
	s, err := p.keys.store()
	if err != nil {
		return nil, err
	}
	if s.Free(p.rotateTo) != nil { // there, or not a name
		return p.rotateAgain(cmd, old.Key)
	}
	passphrase, err := p.keys.passphrase(cmd, p.rotateTo, true)
	if err != nil {
		return nil, err
	}
	return s.NewFor(p.rotateTo, passphrase, old.Key.Address())
}

// rotateAgain takes the key that an earlier run stored.
func (p *rulesOptions) rotateAgain(cmd *cobra.Command, old *wallet.Key) (*wallet.Key, error) {
	next, err := p.keys.unlock(cmd, p.rotateTo)
	if err != nil {
		return nil, err
	}
	if next.Key.Address() != old.Address() || next.Key.PublicKey() == old.PublicKey() {
		return nil, fmt.Errorf("%w: %s, and it is not a later key of %s", wallet.ErrExists, p.rotateTo, p.wallet)
	}
	return next.Key, nil
}
