package main

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
)

func newAcceptCommand(o *clientOptions) *cobra.Command {
	return newDecideCommand(o, chain.Accept, "accept", "Take what is held for a wallet")
}

func newRejectCommand(o *clientOptions) *cobra.Command {
	return newDecideCommand(o, chain.Reject, "reject", "Send back what is held for a wallet")
}

// newDecideCommand is a recipient's decision about a hold.
func newDecideCommand(o *clientOptions, kind chain.Kind, verb, short string) *cobra.Command {
	s, name := newSigning(o), ""
	cmd := &cobra.Command{
		Use: verb + " HOLD-ID --wallet NAME", Short: short, Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			hold, err := chain.ParseHash(args[0])
			if err != nil {
				return argError("%q is not the id of a hold: %v", args[0], err)
			}
			return s.run(cmd, name, func(_ *terms, tx *chain.Transaction) error {
				tx.Kind, tx.Hold = kind, hold
				return nil
			})
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&name, "wallet", "", "the recipient's wallet, which signs")
	return cmd
}
