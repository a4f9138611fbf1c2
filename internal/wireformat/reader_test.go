package wireformat

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

type message struct {
	number uint64   // 1
	texts  []string // 2
	inner  uint64   // 3.1
	id     [2]byte  // 4
	flag   bool     // 5
}

func read(data []byte) (m message, err error) {
	r := NewReader(data)
	for r.Next() {
		switch r.Number() {
		case 1:
			m.number = r.Uint()
		case 2:
			m.texts = append(m.texts, string(r.Repeated()))
		case 3:
			inner := NewReader(r.Bytes())
			for inner.Next() {
				if inner.Number() == 1 {
					m.inner = inner.Uint()
				}
			}
			r.Done(&inner)
		case 4:
			r.Fill(m.id[:])
		case 5:
			m.flag = r.Bool()
		}
	}
	return m, r.Err()
}

func TestReaderIsStrict(t *testing.T) {
	one := AppendUint(nil, 1, 7)
	good := AppendText(AppendText(one, 2, "a"), 2, "b")
	good = AppendBytes(AppendBytes(good, 3, one), 4, []byte{1, 2})
	good = AppendUint(good, 5, 1)
	m, err := read(good)
	require.NoError(t, err)
	require.Equal(t, message{7, []string{"a", "b"}, 7, [2]byte{1, 2}, true}, m)
	m, err = read(nil)
	require.NoError(t, err)
	require.Zero(t, m)

	for name, data := range map[string][]byte{
		"an unknown field":          AppendUint(nil, 6, 1),
		"an unknown field inside":   AppendBytes(nil, 3, AppendUint(nil, 2, 1)),
		"a number as bytes":         AppendBytes(nil, 1, nil),
		"bytes as a number":         AppendUint(nil, 2, 1),
		"a fixed32":                 protowire.AppendFixed32(protowire.AppendTag(nil, 1, protowire.Fixed32Type), 1),
		"a group":                   protowire.AppendTag(nil, 1, protowire.StartGroupType),
		"a field twice":             append(one, one...),
		"fields out of order":       append(AppendText(nil, 2, "a"), one...),
		"too few bytes":             AppendBytes(nil, 4, []byte{1}),
		"too many bytes":            AppendBytes(nil, 4, []byte{1, 2, 3}),
		"neither true nor false":    AppendUint(nil, 5, 2),
		"an unknown one at the end": AppendUint(good[:len(good):len(good)], 9, 1),
	} {
		_, err := read(data)
		require.ErrorIs(t, err, ErrUnexpected, name)
	}
	beyond := NewReader(AppendUint(nil, 1, 1<<40))
	require.True(t, beyond.Next())
	require.Zero(t, beyond.Place())
	require.ErrorIs(t, beyond.Err(), ErrUnexpected)
	for n := range good {
		m, err := read(good[:n])
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			continue
		}
		require.NotEqual(t, message{7, []string{"a", "b"}, 7, [2]byte{1, 2}, true}, m, "cut between two fields")
	}
}

func TestReaderAllocatesNothing(t *testing.T) {
	data := AppendBytes(AppendUint(nil, 1, 7), 4, []byte{1, 2})
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = read(data) }))
}
