package api

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// signedLog is what a fake can prove: three members sign for its first chain.
type signedLog struct {
	note   []byte // "": there is none yet
	size   uint64
	policy []byte
	broken error // what its parts cannot be read for
}

// memberKeys are those of n1, n2 and n3; the fourth is a stranger's.
func memberKeys(t testing.TB) (keys []proof.SigningKey) {
	t.Helper()
	for i := range 4 {
		name, err := proof.KeyName("", fmt.Sprintf("n%d", i+1))
		require.NoError(t, err)
		key, err := proof.NewSigningKey(name, [32]byte{byte(i + 1)})
		require.NoError(t, err)
		keys = append(keys, key)
	}
	return keys
}

// policy wants two of the three members.
func (f *fake) policyOf(t testing.TB) *proof.Policy {
	t.Helper()
	var members []proof.Cosigner
	for i, key := range memberKeys(t)[:3] {
		members = append(members, proof.Cosigner{Name: fmt.Sprintf("n%d", i+1), Key: key.Verifier()})
	}
	token := f.chains[0].contract.Token
	p, err := proof.NewPolicy(members, 2, nil, 0, proof.Chain{Token: token, ID: f.chainID(token)})
	require.NoError(t, err)
	return p
}

// sign makes n1 and n3 sign for that many blocks of the first chain.
func (f *fake) sign(t testing.TB, size uint64) {
	t.Helper()
	token := f.chains[0].contract.Token
	root, err := tlog.TreeHash(int64(size), f.LogHashes(token))
	require.NoError(t, err)
	c := proof.Checkpoint{Origin: proof.Origin(token, f.chainID(token)), Size: size, Root: chain.Hash(root)}
	var lines []string
	for _, i := range []int{0, 2} {
		line, err := proof.Cosign(c.Body(), memberKeys(t)[i], 1_800_000_000)
		require.NoError(t, err)
		lines = append(lines, line)
	}
	note, err := proof.AssembleNote(c.Body(), lines...)
	require.NoError(t, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signed.note, f.signed.size = note, size
	f.wake()
}

func (f *fake) Checkpoint(token string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.find(token) == nil:
		return nil, chain.ContractUnknown
	case f.signed.note == nil:
		return nil, fmt.Errorf("%w: no checkpoint", chain.NotFound)
	}
	return f.signed.note, nil
}

func (f *fake) WaitCheckpoint(ctx context.Context, _ string, size uint64) error {
	for {
		f.mu.Lock()
		grown, signed := f.grown, f.signed.size
		f.mu.Unlock()
		if signed >= size {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fake) Policies(token string, from int) ([]byte, error) {
	text, err := f.Policy(token)
	if from > 1 && err == nil {
		err = chain.NotFound
	}
	return text, err
}

func (f *fake) Policy(token string) ([]byte, error) {
	if f.signed.policy == nil || token != "" && f.find(token) == nil {
		return nil, fmt.Errorf("%w: no keys", chain.NotFound)
	}
	return f.signed.policy, nil
}

// LogHashes makes the whole log anew at each call.
func (f *fake) LogHashes(token string) tlog.HashReader {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := &hashes{broken: f.signed.broken}
	for i, canonical := range f.find(token).blocks {
		leaf, err := proof.LeafOfBlock(canonical, chain.HashBytes(canonical))
		if err != nil {
			return &hashes{broken: err}
		}
		added, _ := tlog.StoredHashesForRecordHash(int64(i), tlog.Hash(leaf.EntryHash()), log)
		log.stored = append(log.stored, added...)
	}
	return log
}

type hashes struct {
	stored []tlog.Hash
	broken error
}

func (h *hashes) ReadHashes(indexes []int64) (read []tlog.Hash, err error) {
	for _, i := range indexes {
		if i >= int64(len(h.stored)) {
			return nil, fmt.Errorf("%w: node %d", chain.NotFound, i)
		}
		read = append(read, h.stored[i])
	}
	return read, h.broken
}
