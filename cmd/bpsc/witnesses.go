package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/witness"
)

// readWitnesses reads the file of --witnesses; "" names none.
func readWitnesses(path string) (list []proof.Cosigner, err error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: --witnesses: %w", errUsage, err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 4 || fields[0] != "witness" {
			return nil, fmt.Errorf("%w: --witnesses %s: %q is not: witness NAME KEY URL", errUsage, path, strings.TrimSpace(line))
		}
		if err := checkURL(fields[3]); err != nil {
			return nil, fmt.Errorf("%w: --witnesses %s: URL of %s: %w", errUsage, path, fields[1], err)
		}
		key, err := proof.ParseVerifierKey(fields[2])
		if err != nil {
			return nil, fmt.Errorf("%w: --witnesses %s: %w", errUsage, path, err)
		}
		list = append(list, proof.Cosigner{Name: fields[1], Key: key, URL: fields[3]})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: --witnesses %s names none", errUsage, path)
	}
	return list, nil
}

// attestingWitnesses are the witnesses as whoever attests knows them.
func attestingWitnesses(client *witness.Client, list []proof.Cosigner) (all []attest.Witness) {
	for _, w := range list {
		all = append(all, attest.Witness{Name: w.Name, About: func() attest.Ask { return askWitness(witness.NewAsker(client, w)) }})
	}
	return all
}

// askWitness is what a witness says, in the words of whoever attests.
func askWitness(asker *witness.Asker) attest.Ask {
	return func(ctx context.Context, note []byte, stored tlog.HashReader) (string, error) {
		line, err := asker.Ask(ctx, note, stored)
		if errors.Is(err, witness.ErrRolledBack) || errors.Is(err, witness.ErrSecondHistory) {
			err = fmt.Errorf("%w: %w", attest.ErrContradicted, err)
		}
		return line, err
	}
}
