package chainsync

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/recoveries"
)

// ErrDamaged: a file that an earlier run has left is not as it was written.
var ErrDamaged = errors.New("follower: a file is damaged")

// unreadable says which; where the operating system does not let us look, nothing is known
// to be wrong with it.
func unreadable(path string, err error) error {
	if _, system := durable.Advice(err); system {
		return fmt.Errorf("follower: %s: %w", path, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
}

// Damaged reads what earlier runs have left of Known and PolicyDir, and says by path what is
// damaged of it. The checkpoint that was kept is not of it: it is asked for again.
func (c Config) Damaged() (damaged map[string]error, err error) {
	damaged = map[string]error{}
	note := func(path string, failed error) {
		if failed = unreadable(path, failed); errors.Is(failed, ErrDamaged) {
			damaged[path] = failed
		} else {
			err = errors.Join(err, failed)
		}
	}
	if _, failed := readKnown(c.Known, nil); errors.Is(failed, ErrDamaged) {
		damaged[c.Known] = failed
	} else if failed != nil {
		return nil, failed
	}
	accepted := filepath.Join(c.PolicyDir, recoveriesFile)
	if _, failed := recoveries.Remember[chain.Hash](accepted, nil); failed != nil {
		note(accepted, failed)
	}
	firsts, failed := filepath.Glob(filepath.Join(c.PolicyDir, "*"+PolicySuffix))
	if failed != nil {
		return nil, failed
	}
	for _, path := range firsts {
		text, failed := os.ReadFile(path)
		var first *proof.Policy
		if failed == nil {
			first, failed = proof.ParsePolicy(text)
		}
		if failed != nil {
			note(path, failed)
			continue
		}
		later := path[:len(path)-len(PolicySuffix)] + historySuffix
		if text, failed = os.ReadFile(later); errors.Is(failed, fs.ErrNotExist) {
			continue
		}
		if failed == nil {
			failed = checkHistory(proof.NewHistory(first), text)
		}
		if failed != nil {
			note(later, failed)
		}
	}
	return damaged, err
}

// checkHistory tells whether what came after a policy is as its members have signed it,
// whichever recoveries are accepted.
func checkHistory(h *proof.History, text []byte) error {
	_, notes, err := proof.SplitHistory(text)
	if err != nil {
		return err
	}
	var all []chain.Hash
	for _, note := range notes {
		said, err := proof.ReadHandover(note)
		if err != nil {
			return err
		}
		all = append(all, said.Hash())
	}
	_, err = extend(h, notes, all)
	return err
}

// adopt puts what earlier runs have left, when there was no such list yet, on the list of what
// there is.
func (c Config) adopt() error {
	if c.Kept == nil {
		return nil
	}
	if there, err := durable.Exists(c.Known); err != nil {
		return err
	} else if there {
		if err := c.Kept.Add(c.Known); err != nil {
			return err
		}
	}
	for _, suffix := range []string{PolicySuffix, historySuffix} {
		paths, err := filepath.Glob(filepath.Join(c.PolicyDir, "*"+suffix))
		if err != nil {
			return err
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err == nil {
				err = c.Kept.AddText(path, text)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
