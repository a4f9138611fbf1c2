package personal

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// model is a personal chain as one would write it down: a list of texts.
type model struct {
	blocks  []string
	pending []string
	micros  int64
}

func (m *model) forge(now int64) string {
	m.micros = max(m.micros, now)
	previous := "1"
	if n := len(m.blocks); n > 0 {
		previous = hashOf([]byte(m.blocks[n-1]))
	}
	text, err := pyjson.Canonical(fmt.Appendf(nil, `{"timestamp":%d.%06d,"previous_hash":%q,"information":[%s],"index2":%d}`,
		m.micros/1e6, m.micros%1e6, previous, strings.Join(m.pending, ","), len(m.blocks)+1))
	if err != nil {
		panic(err)
	}
	m.blocks, m.pending = append(m.blocks, string(text)), nil
	return string(text)
}

// value draws JSON values, and texts that are none.
func value() *rapid.Generator[string] {
	leaf := rapid.OneOf(
		rapid.SampledFrom([]string{"null", "true", "-0", "1e5", "0.10", "1e400", "tru", "", `{"a":1,"a":2}`, `"\ud800"`}),
		rapid.Map(rapid.String(), func(s string) string {
			text, err := json.Marshal(s)
			if err != nil {
				panic(err)
			}
			return string(text)
		}),
		rapid.Map(rapid.Int64(), func(n int64) string { return fmt.Sprint(n) }),
	)
	return rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(leaf, 0, 3), func(all []string) string { return "[" + strings.Join(all, " ,") + "]" }),
		rapid.Map(leaf, func(s string) string { return `{"z":` + s + `, "a":{"information":` + s + `}}` }),
	)
}

func TestModel(t *testing.T) {
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(t *rapid.T) {
		files++
		path := fmt.Sprintf("%s/%d.db", dir, files)
		watch := newClock(noon)
		open := func() *Chain {
			c, err := Open(path, watch.now)
			require.NoError(t, err)
			c.db.NoSync = true // no power is lost here
			return c
		}
		c := open()
		defer func() { require.NoError(t, c.Close()) }()
		m := &model{}
		m.forge(noon)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { require.Equal(t, uint64(len(m.blocks)), c.Length()) },
			"add": func(t *rapid.T) {
				text := value().Draw(t, "information")
				block, err := c.Add([]byte(text))
				if _, wrong := pyjson.Canonical([]byte(text)); wrong != nil {
					require.ErrorIs(t, err, errInvalid)
					return
				}
				require.NoError(t, err)
				require.Equal(t, uint64(len(m.blocks)+1), block)
				m.pending = append(m.pending, `{"information":`+text+`}`)
			},
			"forge": func(t *rapid.T) {
				b, err := c.Forge()
				require.NoError(t, err)
				require.Equal(t, m.forge(watch.now().UnixMicro()), string(b.Canonical))
			},
			"wait": func(t *rapid.T) { watch.micros.Add(rapid.Int64Range(-2e6, 3e6).Draw(t, "micros")) },
			"read": func(t *rapid.T) {
				from := rapid.IntRange(1, len(m.blocks)).Draw(t, "from")
				limit := rapid.IntRange(1, len(m.blocks)).Draw(t, "limit")
				var got []string
				require.NoError(t, c.Blocks(uint64(from), uint64(limit), func(_ uint64, text []byte) error {
					got = append(got, string(text))
					return nil
				}))
				require.Equal(t, m.blocks[from-1:min(from-1+limit, len(m.blocks))], got)
			},
			"reopen": func(t *rapid.T) {
				require.NoError(t, c.Close())
				c = open()
			},
		})
	})
}
