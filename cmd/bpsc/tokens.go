package main

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
)

func newIssueCommand(o *clientOptions) *cobra.Command {
	return newPaymentCommand(o, chain.Issue, "issue", "Create tokens, as the issuer", true)
}

func newFeesCommand(o *clientOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "fees", Short: "Spend or burn held fees, as the treasurer"}
	cmd.AddCommand(newPaymentCommand(o, chain.Spend, "spend", "Pay held fees to somebody", true),
		newPaymentCommand(o, chain.Burn, "burn", "Destroy held fees", false))
	return cmd
}

// newPaymentCommand moves an amount by a role of the contract: to somebody, or
// out of the world.
func newPaymentCommand(o *clientOptions, kind chain.Kind, verb, short string, toSomebody bool) *cobra.Command {
	s := newSigning(o)
	var name, to, amount, memo string
	use := verb + " --amount N --wallet NAME"
	if toSomebody {
		use = verb + " --to B --amount N --wallet NAME"
	}
	cmd := &cobra.Command{
		Use: use, Short: short, Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if toSomebody && to == "" || amount == "" {
				return argError("usage: %s", cmd.UseLine())
			}
			return s.run(cmd, name, func(t *terms, tx *chain.Transaction) (err error) {
				tx.Kind, tx.Memo = kind, memo
				if tx.Amount, err = t.amount("amount", amount); err != nil || !toSomebody {
					return err
				}
				tx.Recipient, err = s.keys.address("to", to)
				return err
			})
		},
	}
	s.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&name, "wallet", "", "the wallet that signs")
	f.StringVar(&amount, "amount", "", "tokens, such as 12.5")
	f.StringVar(&memo, "memo", "", "text that stands in the record")
	if toSomebody {
		f.StringVar(&to, "to", "", "recipient: a wallet or an address")
	}
	return cmd
}
