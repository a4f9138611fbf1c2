package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/client"
)

const trustNotice = `This is what one server says of the members' keys. Compare it by eye with what every
other member says. Whoever verifies by this file must get it from somebody they trust.
`

func newClusterKeysCommand(o *clientOptions) *cobra.Command {
	return &cobra.Command{
		Use: "keys", Short: "Print the policy file: whose signatures count, and for which chains", Args: exactArgs(0),
		Long: "Print the policy file that receipts and checkpoints are verified by: the members' public\n" +
			"keys, how many of them have to sign, and the ids of all chains.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, func(ctx context.Context, c *client.Client) error {
				text, err := c.Policy(ctx, o.contract)
				if err != nil {
					return err
				}
				p, err := proof.ParsePolicy(text)
				if err != nil {
					return fmt.Errorf("%w: %w", chain.ErrInvalid, err)
				}
				if _, err := fmt.Fprint(cmd.ErrOrStderr(), trustNotice); err != nil {
					return err
				}
				if o.output == "json" {
					return printJSON(cmd.OutOrStdout(), newPolicyJSON(p))
				}
				_, err = fmt.Fprint(cmd.OutOrStdout(), p)
				return err
			})
		},
	}
}

// policyJSON is a policy as JSON.
type policyJSON struct {
	Chains           []chainJSON    `json:"chains"`
	Members          []cosignerJSON `json:"members"`
	RequireMembers   int            `json:"require_members"`
	Witnesses        []cosignerJSON `json:"witnesses,omitempty"`
	RequireWitnesses int            `json:"require_witnesses"`
}

type chainJSON struct {
	Contract string `json:"contract"`
	ChainID  string `json:"chain_id"`
}

type cosignerJSON struct {
	Name string `json:"name"`
	Key  string `json:"key"`
	URL  string `json:"url,omitempty"`
}

func newPolicyJSON(p *proof.Policy) policyJSON {
	j := policyJSON{Chains: []chainJSON{}, Members: cosigners(p.Members()), Witnesses: cosigners(p.Witnesses())}
	j.RequireMembers, j.RequireWitnesses = p.Required()
	for _, c := range p.Chains() {
		j.Chains = append(j.Chains, chainJSON{c.Token, c.ID.String()})
	}
	return j
}

func cosigners(list []proof.Cosigner) (out []cosignerJSON) {
	for _, c := range list {
		out = append(out, cosignerJSON{c.Name, c.Key.String(), c.URL})
	}
	return out
}
