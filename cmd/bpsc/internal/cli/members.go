package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/node"
)

// ParsePeers reads id=host:port of members, comma-separated.
func ParsePeers(text string) (peers []roster.Peer, err error) {
	for part := range strings.SplitSeq(text, ",") {
		id, addr, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return nil, fmt.Errorf("--cluster: %q is not id=host:port", part)
		}
		peers = append(peers, roster.Peer{ID: id, Addr: addr})
	}
	return peers, nil
}

// ReadWitnesses reads a file of lines: witness NAME KEY URL.
func ReadWitnesses(path string) (list []proof.Cosigner, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--witnesses: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 4 || fields[0] != "witness" {
			return nil, fmt.Errorf("--witnesses %s: %q is not: witness NAME KEY URL", path, strings.TrimSpace(line))
		}
		if err := node.CheckURL(fields[3]); err != nil {
			return nil, fmt.Errorf("--witnesses %s: URL of %s: %w", path, fields[1], err)
		}
		key, err := proof.ParseVerifierKey(fields[2])
		if err != nil {
			return nil, fmt.Errorf("--witnesses %s: %w", path, err)
		}
		list = append(list, proof.Cosigner{Name: fields[1], Key: key, URL: fields[3]})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("--witnesses %s names none", path)
	}
	return list, nil
}

// JoinNames lists who signed.
func JoinNames(signers []proof.Signer) string {
	var names []string
	for _, s := range signers {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}
