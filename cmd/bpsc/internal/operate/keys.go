package operate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

const trustNotice = `This is what one server says of the members' keys. Compare it by eye with what every
other member says. Whoever verifies by this file must get it from somebody they trust.
`

func newClusterKeysCommand(o *cli.Options) *cobra.Command {
	var history, anyChain bool
	cmd := &cobra.Command{
		Use: "keys", Short: "Print the policy file: whose signatures count, and for which chain", Args: cli.ExactArgs(0),
		Example: `  bpsc cluster keys > policy.txt
  bpsc cluster keys --history > policies.txt`,
		Long: "Print the policy file that receipts and checkpoints of a contract's chain are verified by: the\n" +
			"members' public keys, how many of them have to sign, and which chain it is. It is in the form of\n" +
			"c2sp.org/tlog-policy, which other software reads. With --any-chain it is good for all chains of\n" +
			"these members, those to come too, and names none. With --history all policies\n" +
			"that there have been, from which size of which chain each judges, and the handovers by which\n" +
			"the members of each made the next one known. That is a policy file, too: by it what was signed\n" +
			"before a change verifies as well as what was signed after. Of it only the first policy has to be\n" +
			"compared, and the hash of each recovery.",
		RunE: o.Call(func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) error {
			text, err := c.Policy(ctx, o.Contract)
			if err != nil {
				return err
			}
			p, err := proof.ParsePolicy(text)
			if err == nil && anyChain {
				p, err = forAnyChain(p)
			}
			if err != nil {
				return fmt.Errorf("%w: %w", chain.ErrInvalid, err)
			}
			if _, err := fmt.Fprint(cmd.ErrOrStderr(), trustNotice); err != nil {
				return err
			}
			if !history {
				return o.Say(cmd.OutOrStdout(), newPolicyJSON(p), p.String())
			}
			h, err := fetchHistory(ctx, c, o.Contract, p)
			if err != nil {
				return err
			}
			stages := newStages(h)
			return o.Say(cmd.OutOrStdout(), stages, historyText(h, stages))
		}),
	}
	cmd.Flags().BoolVar(&history, "history", false, "all policies that there have been, and the handovers between them")
	cmd.Flags().BoolVar(&anyChain, "any-chain", false, "for any chain of these members, and not for the contract's alone")
	return cmd
}

func forAnyChain(p *proof.Policy) (*proof.Policy, error) {
	members, witnesses := p.Required()
	return proof.NewPolicy(p.Members(), members, p.Witnesses(), witnesses)
}

// fetchHistory reads all policies that a server shows, recoveries included. newest
// is the one that it says is in force, of which chains and witnesses are taken.
func fetchHistory(ctx context.Context, c *client.Client, contract string, newest *proof.Policy) (*proof.History, error) {
	var h *proof.History
	for from := 1; ; from = h.Number() {
		text, err := c.Policies(ctx, contract, from)
		if err != nil {
			return nil, err
		}
		core, notes, err := proof.SplitHistory(text)
		if err == nil && h == nil {
			h, err = beginHistory(core, newest)
		}
		for i := 0; err == nil && i < len(notes); i++ {
			h, err = acceptAll(h, notes[i])
		}
		if err != nil {
			return nil, fmt.Errorf("%w: the policies of this server: %w", chain.ErrInvalid, err)
		}
		if len(notes) == 0 || h.Number() <= from {
			return h, nil
		}
	}
}

func beginHistory(core []byte, newest *proof.Policy) (*proof.History, error) {
	first, err := proof.ParsePolicy(core)
	if err == nil {
		first, err = newest.WithMembers(first)
	}
	return proof.NewHistory(first), err
}

// acceptAll adds a handover, and of a recovery too: it is to be printed, and who
// verifies by the file accepts it or not.
func acceptAll(h *proof.History, note []byte) (*proof.History, error) {
	said, err := proof.ReadHandover(note)
	if err != nil {
		return h, err
	}
	next, err := h.Extend(note, []chain.Hash{said.Hash()})
	if errors.Is(err, proof.ErrHandoverOrder) && said.Number <= h.Number() {
		return h, nil // it was in the answer before
	}
	return next, err
}

// stageJSON is one policy of a history, as JSON.
type stageJSON struct {
	Number         int              `json:"policy"`
	Members        []proof.Cosigner `json:"members"`
	RequireMembers int              `json:"require_members"`
	From           []from           `json:"from,omitempty"` // of chains that there were before; of others from the first block
	Signed         []proof.Signer   `json:"signed_by,omitempty"`
	Handover       chain.Hash       `json:"handover,omitzero"` // hash
	Recovery       *proof.Recovery  `json:"recovery,omitempty"`
}

// from says from which size on a policy judges a chain.
type from struct {
	proof.Chain
	Size uint64 `json:"size"`
}

func newStages(h *proof.History) (list []stageJSON) {
	for i, s := range h.Stages() {
		j := stageJSON{Number: max(s.Number, i+1), Members: s.Policy.Members(), Signed: s.Signed}
		j.RequireMembers, _ = s.Policy.Required()
		if s.Handover != nil {
			j.Handover, j.Recovery = s.Handover.Hash(), s.Handover.Recovery
			for _, end := range s.Handover.Ends {
				j.From = append(j.From, from{proof.Chain{Token: end.Token, ID: end.ID}, end.Size + 1})
			}
		}
		list = append(list, j)
	}
	return list
}

// historyText is the history as a file, with what is of interest in it as comments.
func historyText(h *proof.History, stages []stageJSON) string {
	var b strings.Builder
	for i, s := range h.Stages() {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(stages[i].comment() + "\n")
		if s.Note == nil {
			b.WriteString(s.Policy.String())
		} else {
			b.Write(s.Note)
		}
	}
	return b.String()
}

// comment says the same to people, a line after the other.
func (s *stageJSON) comment() string {
	var names, sizes []string
	for _, m := range s.Members {
		names = append(names, m.Name)
	}
	text := fmt.Sprintf("# policy %d: members %s, of whom %d sign\n", s.Number, strings.Join(names, ", "), s.RequireMembers)
	for _, f := range s.From {
		sizes = append(sizes, fmt.Sprintf("%s from %d blocks on", f.Token, f.Size))
	}
	if len(sizes) > 0 {
		text += "# judges " + strings.Join(sizes, ", ") + "\n"
	}
	if r := s.Recovery; r != nil {
		text += fmt.Sprintf("# RECOVERY by %q: %q; of %s there were left %s; to accept it: --accept-recovery %s\n",
			cli.PrintableLine(r.By), cli.PrintableLine(r.Reason), strings.Join(r.Before, ", "), strings.Join(r.After, ", "), s.Handover)
	}
	if len(s.Signed) > 0 {
		text += "# signed by " + cli.JoinNames(s.Signed) + "\n"
	}
	return text
}

// policyJSON is a policy as JSON.
type policyJSON struct {
	Chains           []proof.Chain    `json:"chains"`
	Members          []proof.Cosigner `json:"members"`
	RequireMembers   int              `json:"require_members"`
	Witnesses        []proof.Cosigner `json:"witnesses,omitempty"`
	RequireWitnesses int              `json:"require_witnesses"`
}

func newPolicyJSON(p *proof.Policy) policyJSON {
	j := policyJSON{Chains: append([]proof.Chain{}, p.Chains()...), Members: p.Members(), Witnesses: p.Witnesses()}
	j.RequireMembers, j.RequireWitnesses = p.Required()
	return j
}
