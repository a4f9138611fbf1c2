package main

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
)

func newFreezeCommand(o *clientOptions) *cobra.Command {
	return newFrozenCommand(o, true, "freeze", "Stop a wallet from sending and receiving, as the issuer")
}

func newUnfreezeCommand(o *clientOptions) *cobra.Command {
	return newFrozenCommand(o, false, "unfreeze", "Let a frozen wallet go, as the issuer")
}

func newFrozenCommand(o *clientOptions, frozen bool, verb, short string) *cobra.Command {
	s, name := newSigning(o), ""
	cmd := &cobra.Command{
		Use: verb + " ADDRESS --wallet ISSUER", Short: short, Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(cmd, name, func(_ *terms, tx *chain.Transaction) error {
				account, err := s.keys.address("account", args[0])
				tx.Kind, tx.Rules = chain.Rules, &chain.RulesChange{Account: account, Frozen: &frozen}
				return err
			})
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&name, "wallet", "", "the issuer's wallet, which signs")
	return cmd
}
