package personal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func TestBlocksAreTheTutorialsBytes(t *testing.T) {
	c, _ := newChain(t)
	genesis := `{"index2": 1, "information": [], "previous_hash": "1", "timestamp": 1795364515.082559}`
	require.Equal(t, []string{genesis}, texts(t, c, 1, 0))

	require.Equal(t, uint64(2), add(t, c, `{"name":"x","n":[1,2]}`))
	require.Equal(t, uint64(2), add(t, c, `"é"`))
	b := forge(t, c)
	require.Equal(t, uint64(2), b.Index)
	require.Equal(t, hashOf([]byte(genesis)), b.PreviousHash)
	require.Equal(t, `[{"information": {"n": [1, 2], "name": "x"}}, {"information": "\u00e9"}]`, string(b.Information))
	require.Equal(t, `{"index2": 2, "information": `+string(b.Information)+`, "previous_hash": "`+b.PreviousHash+
		`", "timestamp": 1795364515.082559}`, string(b.Canonical))

	empty := forge(t, c)
	require.Equal(t, "[]", string(empty.Information))
	require.Equal(t, hashOf(b.Canonical), empty.PreviousHash)
	require.Equal(t, uint64(3), c.Length())
	require.Equal(t, uint64(4), add(t, c, "null"))
}

// program links and prints the blocks it reads, as the tutorial's nodes do.
const program = `
import hashlib, json, sys
previous = "1"
for line in sys.stdin.buffer:
    block = json.loads(line)
    assert block["previous_hash"] == previous, block["index2"]
    text = json.dumps(block, sort_keys=True)
    previous = hashlib.sha256(text.encode()).hexdigest()
    print(text)
`

func TestPythonGetsTheSameBytesAndHashes(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	c, _ := newChain(t)
	for i, information := range []string{
		"1e2", "-0", "-0.0", "1e16", "123456789012345678901234567890", `"\ud83d\ude00 \u0000 \/"`, "[true,null,{}]",
		`{"b":{"z":1,"a":2.50},"":[[]]}`, `"], \"previous_hash\": \"1\", \"timestamp\": "`,
		`{"previous_hash":"1","timestamp":5e-5}`, strings.Repeat("[", 64) + strings.Repeat("]", 64),
	} {
		add(t, c, information)
		if i%3 == 0 {
			forge(t, c)
		}
	}
	forge(t, c)
	all := strings.Join(texts(t, c, 1, 0), "\n") + "\n"
	cmd := exec.Command(python, "-c", program)
	cmd.Stdin = strings.NewReader(all)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, all, string(out))
}

func TestWhatIsNotStored(t *testing.T) {
	c, _ := newChain(t)
	long := strings.Repeat("x", maxInformation-2)
	for name, tc := range map[string]struct {
		information string
		want        error
		reason      error
	}{
		"nothing":            {"", errInvalid, pyjson.ErrSyntax},
		"not JSON":           {"x", errInvalid, pyjson.ErrSyntax},
		"two values":         {"1 2", errInvalid, pyjson.ErrTrailing},
		"a key given twice":  {`{"a":1,"a":1}`, errInvalid, pyjson.ErrDuplicateKey},
		"a lone surrogate":   {`"\ud800"`, errInvalid, pyjson.ErrSurrogate},
		"not UTF-8":          {"\"\xff\"", errInvalid, pyjson.ErrUTF8},
		"not a number":       {"NaN", errInvalid, pyjson.ErrNotFinite},
		"beyond a double":    {"1e309", errInvalid, pyjson.ErrRange},
		"too deep":           {strings.Repeat("[", 65) + strings.Repeat("]", 65), errInvalid, pyjson.ErrDepth},
		"too long":           {`"` + long + `x"`, errTooLarge, nil},
		"too long canonical": {`"` + strings.Repeat("é", maxInformation/4) + `"`, errTooLarge, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Add([]byte(tc.information))
			require.ErrorIs(t, err, tc.want)
			if tc.reason != nil {
				require.ErrorIs(t, err, tc.reason)
			}
		})
	}
	require.Equal(t, uint64(2), add(t, c, `"`+long+`"`))
	require.Len(t, information(t, forge(t, c).Canonical), 1)
}

func TestFullBlockIsForgedFirst(t *testing.T) {
	c, path := newChain(t)
	quarter := `"` + strings.Repeat("x", maxBlockBytes/4-100) + `"`
	for range 4 {
		add(t, c, quarter)
	}
	_, err := c.Add([]byte(quarter))
	require.ErrorIs(t, err, errFull)
	require.NoError(t, c.Close())
	c = openChain(t, path)
	_, err = c.Add([]byte(quarter))
	require.ErrorIs(t, err, errFull)
	require.Equal(t, uint64(2), add(t, c, "1")) // there is a little room left
	b := forge(t, c)
	require.LessOrEqual(t, len(b.Information), maxBlockBytes)
	require.Equal(t, uint64(3), add(t, c, quarter))
}

func TestBlockHasABoundOfItems(t *testing.T) {
	s := state{First: 7, Next: 7 + maxBlockItems - 1}
	require.True(t, s.fits([]byte("1")))
	s.Next++
	require.False(t, s.fits([]byte("1")))

	c, _ := newChain(t)
	c.waiting = &group{items: make([][]byte, maxBlockItems)}
	_, err := c.Add([]byte("1"))
	require.ErrorIs(t, err, errFull)
}

func TestTimeNeverGoesBack(t *testing.T) {
	path := t.TempDir() + "/personal.db"
	watch := newClock(-5)
	c, err := Open(path, watch.now)
	require.NoError(t, err)
	var want []string
	for _, step := range []struct {
		micros int64
		want   string
	}{
		{-5, "0.0"}, {2_000_000, "2.0"}, {1_999_999, "2.0"}, {2_000_001, "2.000001"}, {3_500_000, "3.5"},
		{math.MaxInt64, "8589934592.0"}, {noon, "8589934592.0"},
	} {
		watch.micros.Store(step.micros)
		text := string(forge(t, c).Canonical)
		require.Truef(t, strings.HasSuffix(text, `"timestamp": `+step.want+"}"), "%s", text)
		want = append(want, text)
	}
	require.NoError(t, c.Close())
	c = openChain(t, path)
	require.Equal(t, want, texts(t, c, 2, 0))
	require.Contains(t, string(forge(t, c).Canonical), "8589934592.0")
}

func TestPartsOfTheChain(t *testing.T) {
	c, _ := newChain(t)
	for i := range 2*runBlocks + 5 {
		if i%50 == 0 {
			add(t, c, `"`+strings.Repeat("x", 100_000)+`"`)
		}
		forgeUnsynced(t, c)
	}
	all := texts(t, c, 0, 0)
	require.Len(t, all, int(c.Length()))
	n := c.Length()
	for _, tc := range []struct{ from, limit, first, count uint64 }{
		{0, 1, 1, 1}, {1, 0, 1, n}, {1, n, 1, n}, {1, math.MaxUint64, 1, n}, {n, 0, n, 1}, {n, 9, n, 1},
		{5, 7, 5, 7}, {runBlocks, 3, runBlocks, 3}, {2, n - 2, 2, n - 2}, {2, math.MaxUint64, 2, n - 1},
	} {
		require.Equal(t, all[tc.first-1:tc.first-1+tc.count], texts(t, c, tc.from, tc.limit), "%+v", tc)
	}
	require.Empty(t, texts(t, c, n+1, 0))
	require.Empty(t, texts(t, c, math.MaxUint64, math.MaxUint64))

	enough := errors.New("enough")
	count := 0
	require.ErrorIs(t, c.Blocks(1, 0, func(uint64, []byte) error { count++; return enough }), enough)
	require.Equal(t, 1, count)
}

// forgeUnsynced spares a test with many blocks the syncs.
func forgeUnsynced(t *testing.T, c *Chain) {
	t.Helper()
	c.db.NoSync = true
	forge(t, c)
	c.db.NoSync = false
}

// A reader that takes its time holds nothing in the file. If it did, what is
// written meanwhile would wait for it, because the mapping has to grow.
func TestSlowReaderHoldsNothing(t *testing.T) {
	c, _ := newChain(t)
	for range 5 {
		forge(t, c)
	}
	c.db.NoSync = true
	seen := 0
	require.NoError(t, c.Blocks(1, 0, func(uint64, []byte) error {
		seen++
		add(t, c, `"`+strings.Repeat("x", 1<<19)+`"`)
		forge(t, c)
		return nil
	}))
	require.Equal(t, 6, seen)
	require.Equal(t, uint64(12), c.Length())
}

func TestConcurrentCallers(t *testing.T) {
	c, path := newChain(t)
	const callers, each = 8, 20
	var wg sync.WaitGroup
	blocks := make([][each]uint64, callers) // in which each was told to be
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				block, err := c.Add([]byte(strconv.Itoa(caller*each + i)))
				if err != nil {
					t.Error(err)
				}
				blocks[caller][i] = block
				if caller == 0 && i%5 == 4 {
					if _, err := c.Forge(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			if err := c.Blocks(1, 0, func(uint64, []byte) error { return nil }); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	forge(t, c)
	require.NoError(t, c.Close())

	found := map[string]uint64{}
	var order []string
	require.NoError(t, openChain(t, path).Blocks(1, 0, func(index uint64, text []byte) error {
		for _, item := range information(t, text) {
			found[item] = index
			order = append(order, item)
		}
		return nil
	}))
	require.Len(t, order, callers*each)
	for caller := range callers {
		last := uint64(0)
		for i := range each {
			item := strconv.Itoa(caller*each + i)
			require.Equal(t, blocks[caller][i], found[item], "block of %s", item)
			require.GreaterOrEqual(t, found[item], last)
			last = found[item]
		}
	}
}

// writes is how many transactions have been written to the file.
func writes(t *testing.T, c *Chain) (id int) {
	t.Helper()
	require.NoError(t, c.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }))
	return id
}

// Whoever comes while a group is being written goes into the next one together.
func TestWaitingCallersShareAWrite(t *testing.T) {
	c, _ := newChain(t)
	c.mu.Lock() // as if a group were being written
	const callers = 10
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			if _, err := c.Add([]byte(strconv.Itoa(i))); err != nil {
				t.Error(err)
			}
		})
	}
	require.Eventually(t, func() bool {
		c.joining.Lock()
		defer c.joining.Unlock()
		return c.waiting != nil && len(c.waiting.items) == callers
	}, 10*time.Second, time.Millisecond)
	before := writes(t, c)
	c.mu.Unlock()
	wg.Wait()
	require.Nil(t, c.waiting)
	require.Equal(t, uint64(callers), c.state.Next-c.state.First)
	require.Equal(t, before+1, writes(t, c))
	require.Len(t, information(t, forge(t, c).Canonical), callers)
}

func TestClosedChain(t *testing.T) {
	c, _ := newChain(t)
	require.NoError(t, c.Close())
	_, err := c.Add([]byte("1"))
	require.ErrorIs(t, err, errClosed)
	_, err = c.Forge()
	require.ErrorIs(t, err, errClosed)
	require.ErrorIs(t, c.Blocks(1, 0, func(uint64, []byte) error { return nil }), errClosed)
	require.Equal(t, uint64(1), c.Length())
}

func TestOneProcessAtATime(t *testing.T) {
	_, path := newChain(t)
	_, err := Open(path, time.Now)
	require.ErrorIs(t, err, errInUse)
	_, err = Open(path+"/x", time.Now)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrDamaged)
}

// A write that fails leaves open what is on disk, so no other follows it.
func TestNothingIsWrittenAfterAFailure(t *testing.T) {
	c, path := newChain(t)
	add(t, c, "1")
	c.db.MaxSize = 1 << 15 // the next write that needs room fails
	_, err := c.Add([]byte(`"` + strings.Repeat("x", 1<<18) + `"`))
	require.ErrorIs(t, err, errBroken)
	_, err = c.Add([]byte("2"))
	require.ErrorIs(t, err, errBroken)
	_, err = c.Forge()
	require.ErrorIs(t, err, errBroken)
	require.Len(t, texts(t, c, 1, 0), 1)
	require.NoError(t, c.Close())

	c = openChain(t, path)
	add(t, c, "3")
	require.Equal(t, []string{"1", "3"}, information(t, forge(t, c).Canonical))
}

func TestFollows(t *testing.T) {
	good := `{"index2": 1, "information": [], "previous_hash": "1", "timestamp": 0.0}`
	require.True(t, follows([]byte(good), 1, chain.GenesisPrevious))
	for _, bad := range []string{
		"", "{}", good + " ", strings.Replace(good, "1", "2", 1), strings.Replace(good, `"1"`, `"2"`, 1),
		strings.Replace(good, "0.0", "x", 1), strings.Replace(good, "0.0", "", 1), strings.Replace(good, "0.0", "0.0, 1", 1),
		strings.TrimSuffix(good, "}"),
	} {
		require.False(t, follows([]byte(bad), 1, chain.GenesisPrevious), bad)
	}
	require.False(t, bytes.HasPrefix([]byte(good), appendHead(nil, 11)))
}
