package wireformat

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

type message struct {
	number uint64   // 1
	texts  []string // 2
	inner  *inner   // 3
	id     [2]byte  // 4
	flag   bool     // 5
	place  int      // 6
}

type inner struct{ text string } // 1

func (m *message) fields(c *Codec) {
	c.Uint(1, &m.number)
	Repeated(c, 2, &m.texts, (*Codec).Text)
	if v := Optional(c, 3, &m.inner); v != nil {
		Message(c, 3, v, func(v *inner, c *Codec) { c.Text(1, &v.text) })
	}
	c.Fixed(4, m.id[:])
	c.Bool(5, &m.flag)
	c.Place(6, &m.place)
}

func read(data []byte) (m message, err error) {
	c := NewReader(data)
	m.fields(c)
	return m, c.Finish()
}

func write(m *message) []byte {
	c := NewWriter(nil)
	m.fields(c)
	return c.Written()
}

func field(n protowire.Number, v any) []byte {
	if u, is := v.(int); is {
		return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), uint64(u))
	}
	return protowire.AppendString(protowire.AppendTag(nil, n, protowire.BytesType), v.(string))
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, size := range []int{0, 1, 120, 130, 20_000, 3 << 20} {
		m := message{7, []string{"a", "", "b"}, &inner{strings.Repeat("x", size)}, [2]byte{1, 2}, true, 9}
		data := write(&m)
		back, err := read(data)
		require.NoError(t, err)
		require.Equal(t, m, back)
		want := bytes.Join([][]byte{field(1, 7), field(2, "a"), field(2, ""), field(2, "b"), field(3, string(field(1, m.inner.text))),
			field(4, "\x01\x02"), field(5, 1), field(6, 9)}, nil)
		require.Equal(t, want, data)
	}
	m, err := read(nil)
	require.NoError(t, err)
	require.Zero(t, m)
}

func TestReadingIsStrict(t *testing.T) {
	good := message{7, []string{"a"}, &inner{"x"}, [2]byte{1, 2}, true, 9}
	for name, data := range map[string][]byte{
		"an unknown field":          field(7, 1),
		"an unknown field inside":   field(3, string(field(2, 1))),
		"an unknown one at the end": append(write(&good), field(8, 1)...),
		"a number as bytes":         field(1, ""),
		"bytes as a number":         field(2, 1),
		"a message as a number":     field(3, 1),
		"a fixed32":                 protowire.AppendFixed32(protowire.AppendTag(nil, 1, protowire.Fixed32Type), 1),
		"a group":                   protowire.AppendTag(nil, 1, protowire.StartGroupType),
		"a field twice":             append(field(1, 1), field(1, 1)...),
		"a message twice":           append(field(3, ""), field(3, "")...),
		"fields out of order":       append(field(2, "a"), field(1, 1)...),
		"too few bytes":             field(4, "1"),
		"too many bytes":            field(4, "123"),
		"neither true nor false":    field(5, 2),
		"a place beyond all":        field(6, 1<<40),
	} {
		_, err := read(data)
		require.ErrorIs(t, err, ErrUnexpected, name)
	}
	data := write(&good)
	for n := range data {
		m, err := read(data[:n])
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			continue
		}
		require.NotEqual(t, good, m, "cut between two fields")
	}
}

func TestTextsShareOneCopyOfTheMessage(t *testing.T) {
	m := message{7, []string{"a", "", "bc", strings.Repeat("d", 300)}, &inner{"x"}, [2]byte{1, 2}, true, 9}
	data := append(make([]byte, 0, 4096), "before"...)
	data = append(append(data, write(&m)...), "behind"...)
	data = data[len("before") : len(data)-len("behind")] // the capacity reaches beyond
	c := NewTextReader(data)
	var back message
	back.fields(c)
	require.NoError(t, c.Finish())
	clear(data) // nothing that was read lies there
	require.Equal(t, m.texts, back.texts)
	require.Equal(t, m.inner, back.inner)
	require.Len(t, back.texts, cap(back.texts), "room is made once")

	c = NewTextReader(nil)
	back = message{}
	back.fields(c)
	require.NoError(t, c.Finish())
	require.Zero(t, back)
}
