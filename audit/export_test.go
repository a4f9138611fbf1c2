package audit

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
)

func exported(t require.TestingT, note string, lines ...string) []byte {
	var file bytes.Buffer
	w, err := NewExportWriter(&file)
	require.NoError(t, err)
	for _, line := range lines {
		require.NoError(t, w.Block([]byte(line)))
	}
	require.NoError(t, w.Finish([]byte(note)))
	return file.Bytes()
}

func readBack(file []byte) (note string, lines []string, err error) {
	text, err := (&File{Reader: bytes.NewReader(file)}).Blocks(context.Background(), func(canonical []byte) error {
		lines = append(lines, string(canonical))
		return nil
	})
	return string(text), lines, err
}

func TestExportReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.StringMatching(`\{"index": [0-9]{1,9}\}`), 0, 20).Draw(t, "lines")
		note := rapid.String().Draw(t, "note")
		gotNote, got, err := readBack(exported(t, note, lines...))
		require.NoError(t, err)
		require.Equal(t, note, gotNote)
		require.Equal(t, len(lines), len(got))
		require.Equal(t, strings.Join(lines, "\n"), strings.Join(got, "\n"))
	})
}

func TestExportsLongestLine(t *testing.T) {
	_, lines, err := readBack(exported(t, "note", strings.Repeat("x", maxExportLine)))
	require.NoError(t, err)
	require.Len(t, lines[0], maxExportLine)
	_, _, err = readBack(exported(t, "note", strings.Repeat("x", maxExportLine+2)))
	require.ErrorIs(t, err, ErrExport)
	require.ErrorContains(t, err, "longer than any block")
}

func TestExportThatIsCutAnywhere(t *testing.T) {
	file := exported(t, "note", `{"index": 1}`, `{"index": 2}`)
	for length := range len(file) {
		_, _, err := readBack(file[:length])
		require.ErrorIs(t, err, chain.ErrInvalid, length)
		require.ErrorIs(t, err, ErrExport, length)
	}
}

func TestExportStopsWhereABlockIsRefused(t *testing.T) {
	refused := errors.New("refused")
	_, err := (&File{Reader: bytes.NewReader(exported(t, "note", "1", "2"))}).Blocks(t.Context(), func(canonical []byte) error {
		require.Equal(t, "1", string(canonical))
		return refused
	})
	require.ErrorIs(t, err, refused)
	require.NotErrorIs(t, err, ErrExport)
}

func FuzzReadExport(f *testing.F) {
	f.Add(exported(f, "note", `{"index": 1}`))
	f.Add(exported(f, ""))
	zip, err := zstd.NewWriter(nil)
	require.NoError(f, err)
	f.Add(zip.EncodeAll([]byte("{\"checkpoint\": \"a\"}\n{\"checkpoint\": \"b\"}\n"), nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		note, lines, err := readBack(file)
		if err != nil {
			return
		}
		again, got, err := readBack(exported(t, note, lines...))
		require.NoError(t, err)
		require.Equal(t, note, again)
		require.Equal(t, lines, got)
	})
}
