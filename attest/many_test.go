package attest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/bubble"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store"
)

const manyChains = 20

// manyTokens makes more chains, on the level on which their journals share files.
func (r *rig) manyTokens() (tokens []string) {
	for _, m := range r.members {
		require.NoError(r.t, m.store.Update(m.store.AppliedIndex()+1, func(tx *store.Tx) error {
			tx.SetLevel(release.For(release.Access))
			return nil
		}))
	}
	for i := range manyChains {
		tokens = append(tokens, fmt.Sprint("t", i))
		r.create(fmt.Sprintf(`{"token":"t%d","wallets":"open","on_request":true}`, i))
	}
	return tokens
}

// blocks produces a block of each chain in one entry.
func (r *rig) blocks(tokens []string) {
	for _, token := range tokens {
		_, err := r.requester().Produce(context.Background(), token)
		require.NoError(r.t, err)
	}
}

func (m *member) groupFiles() []string {
	files, err := filepath.Glob(filepath.Join(m.folder(), "attest", "groups", "*.json"))
	require.NoError(m.t, err)
	return files
}

// blocksUntil makes a block of each chain until something holds, and says how many. Who signs at
// the same time depends on the scheduler: chains that do not meet share no group.
func (r *rig) blocksUntil(tokens []string, holds func() bool) (blocks uint64) {
	for !holds() {
		r.blocks(tokens)
		bubble.Pass(5 * time.Second)
		blocks++
	}
	return blocks
}

// newestGroup is the number of the newest group, 0 where there is none.
func (m *member) newestGroup() (newest int) {
	for _, path := range m.groupFiles() {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".json"))
		require.NoError(m.t, err)
		newest = max(newest, n)
	}
	return newest
}

func (m *member) groupFile(number int) string {
	return filepath.Join(m.folder(), "attest", "groups", strconv.Itoa(number)+".json")
}

// missed tells whether a group has what nothing else in the journal has.
func (m *member) missed(number int, tokens []string) bool {
	aside := m.groupFile(number) + ".aside"
	before := make([]uint64, len(tokens))
	for i, token := range tokens {
		before[i] = m.onDisk(token)
	}
	require.NoError(m.t, os.Rename(m.groupFile(number), aside))
	defer func() { require.NoError(m.t, os.Rename(aside, m.groupFile(number))) }()
	for i, token := range tokens {
		if m.onDisk(token) < before[i] {
			return true
		}
	}
	return false
}

// onDisk is the largest size of a chain that the journal on the disk has.
func (m *member) onDisk(token string) (size uint64) {
	type line struct{ Size uint64 }
	var own line
	if err := durable.ReadSealed(filepath.Join(m.folder(), "attest", token+".json"), &own); err != nil && !errors.Is(err, os.ErrNotExist) {
		panic(err)
	}
	size = own.Size
	for _, path := range m.groupFiles() {
		var group struct{ Signed map[string]line }
		if err := durable.ReadSealed(path, &group); err != nil && !errors.Is(err, os.ErrNotExist) {
			panic(err)
		}
		size = max(size, group.Signed[token].Size)
	}
	return size
}

// coversOf is covered for any chain, without verification.
func (m *member) coversOf(token string) uint64 {
	info, err := m.store.Contract(token)
	require.NoError(m.t, err)
	said, _, err := m.store.Attestations(token)
	require.NoError(m.t, err)
	_, c, err := attest.Newest(func(size uint64) attest.Quorum { return m.quorum(token, size) }, &info, said)
	if errors.Is(err, chain.NotFound) {
		return 0
	}
	require.NoError(m.t, err)
	return c.Size
}

// Of chains that have blocks at the same moment the journal is written together, and still before any
// signature leaves. A crash and a restart forget nothing.
func TestManyChainsShareTheJournal(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		tokens := r.manyTokens()
		for _, m := range r.members {
			m.leaves = func(token string, a chain.Attestation) {
				require.GreaterOrEqual(r.t, m.onDisk(token), a.Size, "on the disk before it leaves")
			}
		}
		r.startAll()
		size := 1 + r.blocksUntil(tokens, func() bool {
			return !slices.ContainsFunc(r.members, func(m *member) bool { return m.newestGroup() < 2 })
		})
		for _, m := range r.members {
			for _, token := range tokens {
				require.Equal(t, size, m.coversOf(token))
			}
		}

		m := r.members[1]
		m.stop()
		m.closeStore(true)
		m.openStore()
		r.blocks(tokens)
		m.start()
		bubble.Pass(5 * time.Second)
		require.NoError(t, m.attester.Ready())
		for _, token := range tokens {
			require.Equal(t, size+1, m.onDisk(token))
		}
	})
}

// A member that has lost what it signed of several chains at once signs no more.
func TestGroupsThatWentBackAreFatal(t *testing.T) {
	for name, spoil := range map[string]func(m *member){
		"lost": func(m *member) {
			require.NoError(m.t, os.RemoveAll(filepath.Join(m.folder(), "attest", "groups")))
		},
		"older": func(m *member) {
			require.NoError(m.t, os.Remove(m.groupFile(m.newestGroup())))
		},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, 3, openContract, func(r *rig) {
				tokens := r.manyTokens()
				r.startAll()
				m := r.members[1]
				// A chain that signs alone writes its own file, and a group that is older than
				// those of all its chains is no loss: so until the newest one would be missed.
				r.blocksUntil(tokens, func() bool { return m.newestGroup() > 0 && m.missed(m.newestGroup(), tokens) })
				m.stop()
				spoil(m)
				m.start()
				bubble.Pass(time.Second)
				require.ErrorIs(t, m.fatal(), attest.ErrForgot)
			})
		})
	}
}

// Damage in a group concerns all chains: nobody knows which of them it had.
func TestADamagedGroupEndsTheSigningOfAll(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		tokens := r.manyTokens()
		r.startAll()
		m := r.members[1]
		size := 1 + r.blocksUntil(tokens, func() bool { return m.newestGroup() > 0 })
		m.stop()
		require.NoError(t, os.Truncate(m.groupFile(m.newestGroup()), 40))
		m.leaves = func(token string, a chain.Attestation) { t.Errorf("%d blocks of %s are signed", a.Size, token) }
		m.start()
		r.blocks(tokens)
		bubble.Pass(time.Minute)
		require.ErrorContains(t, m.attester.Ready(), "checksum does not match")
		require.ErrorIs(t, m.fatal(), attest.ErrForgot)
		for _, token := range tokens {
			require.Equal(t, size+1, m.coversOf(token), "by the others")
		}
	})
}
