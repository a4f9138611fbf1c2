package cli

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// PolicyFlags are the flags of a command that judges by a policy file.
type PolicyFlags struct {
	File     string
	accepted []string
}

func (f *PolicyFlags) Add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.File, "policy", "", "file that says whose signatures count, a policy or a history of them")
	Files(cmd, "policy")
	cmd.Flags().StringArrayVar(&f.accepted, "accept-recovery", nil, "HASH of a handover by which a cluster that had lost its majority went on; may be repeated")
}

// AddChosen is Add for a command that takes what OrChosen finds where the flag is not given.
func (f *PolicyFlags) AddChosen(cmd *cobra.Command) {
	f.Add(cmd)
	cmd.Flags().Lookup(policyFlag).Usage += " (" + policyVariable + ", else the context's)"
}

// OrChosen takes the policy of the variable or the context where no flag names one.
func (f *PolicyFlags) OrChosen(o *Options, cmd *cobra.Command, servers ...string) (err error) {
	if f.File == "" {
		f.File, err = o.PolicyFile(cmd, servers...)
	}
	return err
}

// Read reads the file. One that is none is a mistake of whoever asks, and says
// nothing about what is verified.
func (f *PolicyFlags) Read() (*proof.History, error) {
	if f.File == "" {
		return nil, ArgError("--policy is needed: the file that says whose signatures count, from somebody you trust")
	}
	accepted, err := ParseRecoveries(f.accepted)
	if err != nil {
		return nil, ArgError("%w", err)
	}
	return ReadHistory(f.File, accepted)
}

// ReadHistory reads a policy file, or one with the policies that came after it.
func ReadHistory(path string, accepted []chain.Hash) (*proof.History, error) {
	text, err := ReadBounded(path, proof.MaxHistoryBytes)
	if err != nil {
		return nil, ArgError("--policy: %w", err)
	}
	h, err := proof.ParseHistory(text, accepted...)
	if err != nil {
		return nil, ArgError("--policy %s: %w", path, err)
	}
	return h, nil
}

func ParseRecoveries(texts []string) (list []chain.Hash, err error) {
	for _, text := range texts {
		hash, err := chain.ParseHash(text)
		if err != nil {
			return nil, ArgError("--accept-recovery %q is not the hash of a handover: 64 lower-case hex digits", text)
		}
		list = append(list, hash)
	}
	return list, nil
}
