package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// testFilter is a size of the filter of ids that costs nothing to make.
const testFilter = 256 << 10

func openTest(t testing.TB, dir string, layerBytes int) *Store {
	t.Helper()
	s, err := Open(Config{Dir: dir, LayerBytes: layerBytes, FilterBytes: testFilter})
	require.NoError(t, err)
	return s
}

// addBlock is the least that a machine does: one account, one id and one block
// in one update.
func addBlock(t testing.TB, s *Store, index uint64) {
	t.Helper()
	require.NoError(t, s.Update(index, func(tx *Tx) error {
		tx.SetTime(chain.Micros(index))
		h := tx.Head("aka")
		header := chain.Header{Index: 1, PreviousHash: chain.GenesisPrevious, Trigger: chain.ByGenesis, HasRoot: true, Totals: &chain.Totals{}}
		if h == nil {
			c, err := chain.DecodeContract([]byte(`{"wallets":"open"}`))
			require.NoError(t, err)
			h = tx.CreateChain(c)
			header.Contract = &c
		} else {
			header.Index, header.PreviousHash, header.Trigger = h.Index+1, h.Hash.String(), chain.ByRequest
		}
		h.Index, h.Timestamp = header.Index, chain.Micros(index)
		canonical, _ := chain.AppendBlock(nil, &header, nil, 6)
		h.Hash = chain.HashBytes(canonical)
		if header.Index == 1 {
			h.ID = h.Hash
		}
		name := fmt.Sprint("wallet-", index%7)
		before := tx.Account(h, name)
		tx.SetAccount(h, name, before, chain.Account{Balance: before.Balance + 1, Records: before.Records + 1})
		tx.SetPlacement(h, chain.DeriveID([]byte(fmt.Sprint(index))), Placement{Block: h.Index})
		tx.AddBlock(h, chain.Hash{byte(h.Index)}, &blocks.Block{Canonical: canonical, Hash: h.Hash})
		return nil
	}))
}

// contents is everything a reader can see, for comparison.
func contents(t testing.TB, s *Store) string {
	t.Helper()
	nodes, _ := s.Nodes("", 1000)
	text := fmt.Sprintf("%d %d %v\n", s.AppliedIndex(), s.Time(), nodes)
	for _, info := range s.Contracts() {
		text += fmt.Sprintf("%+v\n", info)
		require.NoError(t, s.Blocks(info.Contract.Token, 1, 0, func(index uint64, canonical []byte) error {
			text += fmt.Sprintf("%d %s\n", index, canonical)
			return nil
		}))
	}
	for i := range 7 {
		a, err := s.Account("aka", fmt.Sprint("wallet-", i))
		require.NoError(t, err)
		text += fmt.Sprintf("%+v\n", a)
	}
	return text
}

func TestReadsSeeEveryLayer(t *testing.T) {
	s := openTest(t, t.TempDir(), 1000) // a layer holds a few updates
	defer s.Close()
	for i := uint64(1); i <= 200; i++ {
		addBlock(t, s, i)
		info, err := s.Contract("aka")
		require.NoError(t, err)
		require.Equal(t, i, info.Length)
		_, hash, err := s.Block("aka", i)
		require.NoError(t, err)
		require.Equal(t, info.Tip, hash)
		a, err := s.Account("aka", fmt.Sprint("wallet-", i%7))
		require.NoError(t, err)
		require.Equal(t, chain.Amount((i+6)/7), a.Balance, "update %d", i)
	}
	_, _, err := s.Block("aka", 201)
	require.ErrorIs(t, err, chain.NotFound)
	_, err = s.Contract("nope")
	require.ErrorIs(t, err, chain.ContractUnknown)
}

func TestACloseKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 1000)
	for i := uint64(1); i <= 50; i++ {
		addBlock(t, s, i)
	}
	before := contents(t, s)
	require.NoError(t, s.Close())
	s = openTest(t, dir, 1000)
	defer s.Close()
	require.Equal(t, before, contents(t, s))
}

func TestACrashKeepsAPrefixThatKnowsItsIndex(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 1000)
	states := []string{""}
	for i := uint64(1); i <= 60; i++ {
		addBlock(t, s, i)
		states = append(states, contents(t, s))
	}
	require.NoError(t, s.Abandon())
	s = openTest(t, dir, 1000)
	defer s.Close()
	applied := s.AppliedIndex()
	require.LessOrEqual(t, applied, uint64(60))
	if applied > 0 {
		require.Equal(t, states[applied], contents(t, s))
	}
	for i := applied + 1; i <= 60; i++ {
		addBlock(t, s, i)
	}
	require.Equal(t, states[60], contents(t, s))
}

func TestAnAppliedEntryIsRefused(t *testing.T) {
	s := openTest(t, t.TempDir(), 0)
	defer s.Close()
	addBlock(t, s, 5)
	require.ErrorContains(t, s.Update(5, func(*Tx) error { return nil }), "already applied")
	require.Error(t, s.Update(6, func(*Tx) error { return nil }), "the first failure is final")
}

func TestSnapshotAndRestore(t *testing.T) {
	root := t.TempDir()
	s := openTest(t, filepath.Join(root, "a"), 1000)
	defer s.Close()
	for i := uint64(1); i <= 40; i++ {
		addBlock(t, s, i)
	}
	want := contents(t, s)
	snapshot := filepath.Join(root, "snapshot")
	require.NoError(t, s.Snapshot(context.Background(), snapshot))
	addBlock(t, s, 41) // goes on, and is not in it

	other := openTest(t, filepath.Join(root, "b"), 1000)
	addBlock(t, other, 3)
	require.NoError(t, other.Restore(snapshot))
	require.Equal(t, want, contents(t, other))
	addBlock(t, other, 41)
	require.Equal(t, contents(t, s), contents(t, other))
	require.NoError(t, other.Close())

	again := openTest(t, filepath.Join(root, "b"), 1000)
	defer again.Close()
	require.Equal(t, contents(t, s), contents(t, again))
	left, err := filepath.Glob(filepath.Join(root, "b", "db-*"))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestARestoreThatFailsChangesNothing(t *testing.T) {
	root := t.TempDir()
	s := openTest(t, filepath.Join(root, "a"), 1000)
	defer s.Close()
	for i := uint64(1); i <= 40; i++ {
		addBlock(t, s, i)
	}
	snapshot := filepath.Join(root, "snapshot")
	require.NoError(t, s.Snapshot(context.Background(), snapshot))
	tables, err := filepath.Glob(filepath.Join(snapshot, "*.sst"))
	require.NoError(t, err)
	require.NotEmpty(t, tables)

	other := openTest(t, filepath.Join(root, "b"), 1000)
	defer other.Close()
	addBlock(t, other, 3)
	want := contents(t, other)
	for _, table := range tables {
		unlink(t, table) // the files are links to those of s
		flip(t, table, 200)
	}
	require.ErrorIs(t, other.Restore(snapshot), ErrDamaged)
	require.Equal(t, want, contents(t, other))
	addBlock(t, other, 4)
}

// unlink makes a file its own copy.
func unlink(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, data, 0o600))
}

func flip(t *testing.T, path string, offset int) {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[min(offset, len(data)-1)] ^= 0x10
	require.NoError(t, os.WriteFile(path, data, 0o600))
}

func TestDamageIsFoundAtStart(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"a flipped bit in a table": func(t *testing.T, dir string) { flip(t, one(t, dir, "db-*/*.sst"), 300) },
		"a table cut short":        func(t *testing.T, dir string) { require.NoError(t, os.Truncate(one(t, dir, "db-*/*.sst"), 100)) },
		"a table gone":             func(t *testing.T, dir string) { require.NoError(t, os.Remove(one(t, dir, "db-*/*.sst"))) },
		"a manifest of zeros": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(one(t, dir, "db-*/MANIFEST-*"), make([]byte, 500), 0o600))
		},
		"the pointer gone": func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "CURRENT"))) },
		"the pointer astray": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "CURRENT"), []byte("../x"), 0o600))
		},
		"the pointer to a gone folder": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "CURRENT"), []byte("db-9"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openTest(t, dir, 0)
			for i := uint64(1); i <= 40; i++ {
				addBlock(t, s, i)
			}
			require.NoError(t, s.Close())
			damage(t, dir)
			_, err := Open(Config{Dir: dir})
			require.ErrorIs(t, err, ErrDamaged)
			require.NotContains(t, err.Error(), "\n", "it is one sentence")
		})
	}
}

func one(t *testing.T, dir, pattern string) string {
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found[0]
}

func TestABlockThatChangedInMemoryIsNotServed(t *testing.T) {
	var alarmed error
	s, err := Open(Config{Dir: t.TempDir(), Fatal: func(err error) { alarmed = err }})
	require.NoError(t, err)
	defer s.Close()
	addBlock(t, s, 1)
	s.active.blocks[keys.Block{Index: 1}].Canonical[50] ^= 1
	_, _, err = s.Block("aka", 1)
	require.ErrorIs(t, err, engine.ErrCorrupt)
	require.ErrorIs(t, alarmed, ErrDamaged)
}

func TestTheFilterNeverDeniesAnIDThatIsThere(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 1000)
	for i := uint64(1); i <= 300; i++ {
		addBlock(t, s, i)
	}
	require.NoError(t, s.Close())
	s = openTest(t, dir, 1000)
	defer s.Close()
	<-s.ids.Filled()
	denied := 0
	for i := uint64(1); i <= 300; i++ {
		known, unknown := chain.DeriveID([]byte(fmt.Sprint(i))), chain.DeriveID([]byte(fmt.Sprint("not ", i)))
		require.False(t, s.ids.Lacks(&keys.ID{ID: known}))
		out, err := s.Transaction("aka", known)
		require.ErrorContains(t, err, "no record", "a block without records here")
		require.Zero(t, out.Refused)
		_, err = s.Transaction("aka", unknown)
		require.ErrorIs(t, err, chain.NotFound)
		if s.ids.Lacks(&keys.ID{ID: unknown}) {
			denied++
		}
	}
	require.Greater(t, denied, 290)
}

func TestWaitBlockReturnsWhenTheBlockIsThere(t *testing.T) {
	s := openTest(t, t.TempDir(), 0)
	defer s.Close()
	addBlock(t, s, 1)
	require.NoError(t, s.WaitBlock(context.Background(), "aka", 1))
	done := make(chan error, 1)
	go func() { done <- s.WaitBlock(context.Background(), "aka", 3) }()
	addBlock(t, s, 2)
	addBlock(t, s, 3)
	require.NoError(t, <-done)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.WaitBlock(ctx, "aka", 4), context.DeadlineExceeded)
}

func TestPendingRecordsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 0)
	addBlock(t, s, 1)
	require.NoError(t, s.Update(2, func(tx *Tx) error {
		h := tx.Head("aka")
		h.Pending.Add([]byte(`{"n": 1}`))
		h.Pending.Add([]byte(`{"n": [2, "}"]}`))
		h.PendingSince = 77
		return nil
	}))
	h := s.heads[0]
	root, text := h.Pending.Root(), string(h.Pending.Text())
	require.NoError(t, s.Close())
	s = openTest(t, dir, 0)
	defer s.Close()
	h = s.heads[0]
	require.Equal(t, root, h.Pending.Root())
	require.Equal(t, text, string(h.Pending.Text()))
	require.Equal(t, chain.Micros(77), h.PendingSince)
	require.Equal(t, `{"n": 1}`, string(h.Pending.Record(0)))
	require.Equal(t, `{"n": [2, "}"]}`, string(h.Pending.Record(1)))
}

func TestPlacementRoundTrip(t *testing.T) {
	for _, p := range []Placement{
		{Block: 2, Position: 0}, {Block: 1 << 40, Position: 9999},
		{Block: 3, Position: 7, Content: Fingerprint{1, 2}},
		{Refused: chain.BalanceOutOfRange, Content: Fingerprint{3}},
	} {
		got, err := decodePlacement(encodePlacement(p))
		require.NoError(t, err)
		require.Equal(t, p, got)
	}
	for _, bad := range [][]byte{{}, {0}, {0x80}, {1}, {1, 0x80}, {1, 1, 1}} {
		_, err := decodePlacement(bad)
		require.Error(t, err)
	}
}

func FuzzDecodeRows(f *testing.F) {
	f.Add(encodePlacement(Placement{Block: 3, Position: 4}))
	account, err := appendAccount(nil, chain.Account{Balance: -5, Records: 9, Wallet: &chain.Wallet{Frozen: true}})
	require.NoError(f, err)
	f.Add(account)
	f.Fuzz(func(t *testing.T, row []byte) {
		if p, err := decodePlacement(row); err == nil {
			again, err := decodePlacement(encodePlacement(p))
			require.NoError(t, err)
			require.Equal(t, p, again)
		}
		if a, err := decodeAccount(row); err == nil {
			row, err := appendAccount(nil, a)
			require.NoError(t, err)
			again, err := decodeAccount(row)
			require.NoError(t, err)
			require.Equal(t, a, again)
		}
	})
}

// raft takes a snapshot in one goroutine and is given another in a second. Both
// end well, and so does a Sync beside them.
func TestSnapshotAndSyncBesideRestore(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, filepath.Join(dir, "state"), 1000)
	for i := uint64(1); i <= 30; i++ {
		addBlock(t, s, i)
	}
	first := filepath.Join(dir, "first")
	require.NoError(t, s.Snapshot(context.Background(), first))
	want := contents(t, s)
	restored := make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-restored:
				return
			default:
			}
			assert.NoError(t, s.Snapshot(context.Background(), filepath.Join(dir, fmt.Sprint("more-", i))))
		}
	})
	beside.Go(func() {
		for {
			select {
			case <-restored:
				return
			default:
			}
			assert.NoError(t, s.Sync(context.Background()))
		}
	})
	for range 20 {
		assert.NoError(t, s.Restore(first))
	}
	close(restored)
	beside.Wait()
	require.Equal(t, want, contents(t, s))
	require.NoError(t, s.Close())
}

// A store of another version is sound: nobody is told to build it anew.
func TestAnotherFormatIsNoDamage(t *testing.T) {
	m := newMeta()
	m.Format = epochFormat + 1
	row, err := m.encode()
	require.NoError(t, err)
	_, err = decodeMeta(row)
	require.NotErrorIs(t, damaged("state", err), ErrDamaged)
	require.ErrorContains(t, damaged("state", err), "use the binary that wrote it")
	_, err = decodeMeta(row[:5])
	require.ErrorIs(t, damaged("state", err), ErrDamaged)
}

// Nobody who reads from disk keeps Update waiting meanwhile.
func TestADiskThatIsSlowToReadDelaysNoUpdate(t *testing.T) {
	s := openTest(t, t.TempDir(), 0)
	defer func() { require.NoError(t, s.Close()) }()
	addBlock(t, s, 1)
	slow, read := make(chan struct{}), make(chan error)
	begun := make(chan struct{})
	go func() {
		_, err := lookup(s, "aka", func(*Head) (int, bool) { return 0, false }, func(pebble.Reader, uint32) (int, error) {
			close(begun)
			<-slow
			return 1, nil
		})
		read <- err
	}()
	<-begun
	addBlock(t, s, 2) // would wait for ever
	close(slow)
	require.NoError(t, <-read)
}
