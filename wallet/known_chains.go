package wallet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
)

// ErrChainChanged: a server names another chain than it did before.
var ErrChainChanged = errors.New("wallet: the server's chain is another one than before")

const (
	knownChainsFile = "known-chains"
	// maxKnownChains bounds the file: some ten thousand lines.
	maxKnownChains = 1 << 20
)

// KnownChains remembers, beside the keys, which chain each server showed for a
// contract when something was first signed for it. A signature is good on one
// chain only, and the server says which one: this notices when it says something else
// later, as ssh's known_hosts does.
//
// The file has a line "server contract chain-id" for each; of several the last
// one counts.
type KnownChains struct {
	Dir string
}

// Check compares what servers show now with what they showed before, and
// remembers what is new. Names are those by which the contract was asked for.
// The error is ErrChainChanged with what to do.
func (k KnownChains) Check(servers, names []string, id chain.Hash) error {
	return k.learn(servers, names, id, func(p knownChain, before chain.Hash) error {
		return fmt.Errorf("%w: %s showed the chain %s for the contract %s, and shows %s now. Nothing was signed. "+
			"If you know that this ledger was made anew, say so once with --chain-id %s",
			ErrChainChanged, p.server, before, p.contract, id, id)
	})
}

// Trust remembers that servers show this chain, whatever they showed before:
// somebody has named it.
func (k KnownChains) Trust(servers, names []string, id chain.Hash) error {
	return k.learn(servers, names, id, func(knownChain, chain.Hash) error { return nil })
}

// learn remembers what is new; of what was another chain before, changed says
// whether that is an error.
func (k KnownChains) learn(servers, names []string, id chain.Hash, changed func(p knownChain, before chain.Hash) error) error {
	known, err := k.read()
	if err != nil {
		return err
	}
	var fresh []knownChain
	for _, server := range servers {
		for _, name := range names {
			p := knownChain{server, name}
			before, there := known[p]
			if there && before == id {
				continue
			}
			if there {
				if err := changed(p, before); err != nil {
					return err
				}
			}
			fresh = append(fresh, p)
		}
	}
	return k.add(fresh, id)
}

// knownChain is what a chain is known by.
type knownChain struct{ server, contract string }

func (k KnownChains) path() string { return filepath.Join(k.Dir, knownChainsFile) }

func (k KnownChains) read() (map[knownChain]chain.Hash, error) {
	text, err := readFile(k.path(), maxKnownChains)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	known := map[knownChain]chain.Hash{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 3 {
			return nil, fmt.Errorf("%w: %s, line %d: not a server, a contract and a chain's id", ErrDamaged, k.path(), number)
		}
		id, err := chain.ParseHash(fields[2])
		if err != nil {
			return nil, fmt.Errorf("%w: %s, line %d: %w", ErrDamaged, k.path(), number, err)
		}
		known[knownChain{fields[0], fields[1]}] = id
	}
	return known, lines.Err()
}

// add appends in one write, so that commands that run at the same time keep
// each other's lines.
func (k KnownChains) add(fresh []knownChain, id chain.Hash) error {
	if len(fresh) == 0 {
		return nil
	}
	var text []byte
	for _, p := range fresh {
		text = fmt.Appendln(text, p.server, p.contract, id)
	}
	if err := durable.MkdirAll(k.Dir, dirPerm); err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	f, err := os.OpenFile(k.path(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, filePerm)
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = errors.Join(f.Sync(), durable.SyncDir(k.Dir))
	}
	return errors.Join(err, f.Close())
}
