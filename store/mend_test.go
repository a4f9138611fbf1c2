package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/blocks"
)

// appendRealBlock adds a block that keeps all rules of a block by itself, with n transfers of
// which nobody could guess a memo.
func appendRealBlock(t testing.TB, s *Store, index uint64, token string, n int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(index, 7))
	require.NoError(t, s.Update(index, func(tx *Tx) error {
		tx.SetTime(chain.Micros(index))
		h := tx.Head(token)
		b := chain.Block{Header: chain.Header{Index: 1, PreviousHash: chain.GenesisPrevious, Trigger: chain.ByGenesis, HasRoot: true, Totals: &chain.Totals{}}}
		if h == nil {
			c, err := chain.DecodeContract(fmt.Appendf(nil, `{"token":%q,"wallets":"open","schedule":{"transactions":%d}}`, token, n))
			require.NoError(t, err)
			h = tx.CreateChain(c)
			b.Contract = &c
		} else {
			b.Index, b.PreviousHash, b.Trigger = h.Index+1, h.Hash.String(), chain.ByCount
			for k := range n {
				r, err := chain.NewTransfer(&h.Contract, &chain.Transaction{ID: chain.DeriveID(fmt.Append(nil, token, index, k)),
					Sender: "alice", Recipient: "bob", Amount: 1_000_000, Memo: fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64())})
				require.NoError(t, err)
				b.Records = append(b.Records, r)
			}
		}
		var root chain.RootBuilder
		for k := range b.Records {
			root.Add(chain.AppendRecord(nil, &b.Records[k], h.Contract.Decimals))
		}
		b.Root = root.Root()
		canonical := b.Append(nil, h.Contract.Decimals)
		contract := &h.Contract
		if b.Index == 1 {
			contract = nil
		}
		checked, err := chain.CheckBlock(canonical, contract, h.ID)
		require.NoError(t, err)
		h.Index, h.Timestamp, h.Hash = b.Index, chain.Micros(index), checked.Hash
		if b.Index == 1 {
			h.ID = h.Hash
		}
		name := fmt.Sprint("wallet-", index%7)
		before := tx.Account(h, name)
		tx.SetAccount(h, name, before, chain.Account{Balance: before.Balance + 1, Records: before.Records + 1})
		tx.AddBlock(h, checked.Hash, &blocks.Block{Canonical: canonical, Hash: checked.Hash, Records: checked.Records})
		return nil
	}))
}

// chainsOnDisk is the folder of a store with two chains; a flush every few blocks, or all in
// the last level.
func chainsOnDisk(t *testing.T, log, compact bool) (dir, want string) {
	t.Helper()
	dir = t.TempDir()
	s, err := Open(Config{Dir: dir, LayerBytes: 40_000, FilterBytes: testFilter, Log: log})
	require.NoError(t, err)
	for i := uint64(1); i <= 60; i++ {
		token := "aka"
		if i%3 == 0 {
			token = "bee"
		}
		appendRealBlock(t, s, i, token, 40)
	}
	if compact {
		require.NoError(t, s.Snapshot(t.Context(), filepath.Join(t.TempDir(), "flushed")))
		require.NoError(t, s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false))
	}
	want = contents(t, s)
	require.NoError(t, s.Close())
	return dir, want
}

// blocksOf gives the blocks of a folder that is sound.
func blocksOf(t *testing.T, dir string, log bool) Fetch {
	t.Helper()
	s, err := Open(Config{Dir: dir, FilterBytes: testFilter, Log: log})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	all := map[string][]byte{}
	for _, c := range s.Contracts() {
		require.NoError(t, s.Blocks(c.Contract.Token, 1, 0, func(index uint64, canonical []byte) error {
			all[fmt.Sprint(c.Contract.Token, index)] = append([]byte{}, canonical...)
			return nil
		}))
	}
	return func(_ context.Context, token string, index uint64, take func([]byte) error) error {
		canonical, there := all[fmt.Sprint(token, index)]
		if !there {
			return errors.New("nobody has it")
		}
		return take(canonical)
	}
}

// Whatever byte of the tables and files of values with blocks is another, the store is
// mended with what others have, or says that more than blocks is damaged.
func TestDamagedBlocksAreWrittenAnew(t *testing.T) {
	for _, tc := range []struct {
		name         string
		log, compact bool
	}{{"flushed", false, false}, {"compacted", false, true}, {"a follower's", true, true}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sound, want := chainsOnDisk(t, tc.log, tc.compact)
			fetch := blocksOf(t, sound, tc.log)
			rng := rand.New(rand.NewPCG(1, uint64(len(tc.name))))
			tries := 12
			if testing.Short() {
				if !tc.compact || tc.log {
					t.Skip("random cases, dear under the race detector")
				}
				tries = 4
			}
			mended, fetched := 0, 0
			for range tries {
				dir := filepath.Join(t.TempDir(), "store")
				require.NoError(t, os.CopyFS(dir, os.DirFS(sound)))
				path := flipSomewhere(t, rng, dir)
				found, err := DamageIn(t.Context(), dir)
				require.NoError(t, err)
				if len(found.Blocks) == 0 && found.Rest == nil {
					continue // a part that nothing is read from
				}
				done, err := Mend(t.Context(), dir, tc.log, fetch)
				if found.Rest != nil {
					require.ErrorIs(t, err, ErrNotMended)
					continue
				}
				require.NoError(t, err, path)
				require.Equal(t, found.Blocks, done.Blocks)
				now, err := DamageIn(t.Context(), dir)
				require.NoError(t, err)
				require.Equal(t, Damage{}, now)
				s, err := Open(Config{Dir: dir, FilterBytes: testFilter, Log: tc.log})
				require.NoError(t, err)
				require.Equal(t, want, contents(t, s))
				require.NoDirExists(t, done.Old)
				appendRealBlock(t, s, 61, "aka", 40) // it goes on
				require.NoError(t, s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false))
				require.NoError(t, s.scrubAll(t.Context(), 1<<40))
				require.NoError(t, s.Close())
				mended++
				fetched += done.Fetched
			}
			t.Logf("%d of %d were mended, with %d blocks fetched", mended, tries, fetched)
			require.Greater(t, mended, tries/2)
			require.Positive(t, fetched)
		})
	}
}

// flipSomewhere changes any byte of all tables and files of values.
func flipSomewhere(t *testing.T, rng *rand.Rand, dir string) (path string) {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"*.sst", "*.blob"} {
		found, err := filepath.Glob(filepath.Join(dir, "db-*", pattern))
		require.NoError(t, err)
		paths = append(paths, found...)
	}
	var total int
	sizes := make([]int, len(paths))
	for i, path := range paths {
		info, err := os.Stat(path)
		require.NoError(t, err)
		sizes[i] = int(info.Size())
		total += sizes[i]
	}
	at := rng.IntN(total)
	for i := range paths {
		if at < sizes[i] {
			flip(t, paths[i], at)
			return paths[i]
		}
		at -= sizes[i]
	}
	panic("no byte is behind the last")
}

// What somebody else says is another block than the chain's is not taken, and a store that
// cannot be mended is left as it was.
func TestNobodyIsBelievedWhatABlockIs(t *testing.T) {
	dir, _ := chainsOnDisk(t, false, true)
	fetch := blocksOf(t, dir, false)
	path := one(t, dir, "db-*/*.blob")
	info, err := os.Stat(path)
	require.NoError(t, err)
	flip(t, path, int(info.Size())/2)
	before, err := DamageIn(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, before.Rest)
	require.NotEmpty(t, before.Blocks)

	for name, lie := range map[string]Fetch{
		"one byte is another": func(ctx context.Context, token string, index uint64, take func([]byte) error) error {
			return fetch(ctx, token, index, func(canonical []byte) error {
				forged := append([]byte{}, canonical...)
				forged[len(forged)/2] ^= 1
				return take(forged)
			})
		},
		"the block before": func(ctx context.Context, token string, index uint64, take func([]byte) error) error {
			return fetch(ctx, token, index-1, take)
		},
		"nothing": func(context.Context, string, uint64, func([]byte) error) error { return errors.New("it is not here") },
	} {
		_, err := Mend(t.Context(), dir, false, lie)
		require.ErrorIs(t, err, ErrNotMended, name)
		now, err := DamageIn(t.Context(), dir)
		require.NoError(t, err)
		require.Equal(t, before, now, name)
	}
	_, err = Mend(t.Context(), dir, false, fetch)
	require.NoError(t, err)
}

func TestAStoreThatIsSoundIsNotMended(t *testing.T) {
	dir, _ := chainsOnDisk(t, false, false)
	done, err := Mend(t.Context(), dir, false, nil)
	require.NoError(t, err)
	require.Equal(t, Mended{}, done)
}
