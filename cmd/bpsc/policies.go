package main

import (
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// policyFlags are the flags of a command that judges by a policy file.
type policyFlags struct {
	file     string
	accepted []string
}

func (f *policyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "policy", "", "file that says whose signatures count, a policy or a history of them")
	cmd.Flags().StringArrayVar(&f.accepted, "accept-recovery", nil, "HASH of a handover by which a cluster that had lost its majority went on; may be repeated")
}

// read reads the file. One that is none is a mistake of whoever asks, and says
// nothing about what is verified.
func (f *policyFlags) read() (*proof.History, error) {
	if f.file == "" {
		return nil, argError("--policy is needed: the file that says whose signatures count, from somebody you trust")
	}
	accepted, err := parseRecoveries(f.accepted)
	if err != nil {
		return nil, argError("%w", err)
	}
	return readHistory(f.file, accepted)
}

// readHistory reads a policy file, or one with the policies that came after it.
func readHistory(path string, accepted []chain.Hash) (*proof.History, error) {
	text, err := readBounded(path, proof.MaxHistoryBytes)
	if err != nil {
		return nil, argError("--policy: %w", err)
	}
	h, err := proof.ParseHistory(text, accepted...)
	if err != nil {
		return nil, argError("--policy %s: %w", path, err)
	}
	return h, nil
}

func parseRecoveries(texts []string) (list []chain.Hash, err error) {
	for _, text := range texts {
		hash, err := chain.ParseHash(text)
		if err != nil {
			return nil, argError("--accept-recovery %q is not the hash of a handover: 64 lower-case hex digits", text)
		}
		list = append(list, hash)
	}
	return list, nil
}
