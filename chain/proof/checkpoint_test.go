package proof_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

func TestCheckpointReadsBack(t *testing.T) {
	for _, size := range []uint64{1, 2, 999, proof.MaxSize} {
		want := proof.Checkpoint{Origin: proof.Origin("my-token-1", chain.Hash{0xab}), Size: size, Root: chain.Hash{7}}
		got, err := proof.ParseCheckpoint(want.Body())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Equal(t, "bpsc/aka/ab00000000000000\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		string(proof.Checkpoint{Origin: proof.Origin("aka", chain.Hash{0xab}), Size: 5}.Body()))
}

func TestParseCheckpointRefuses(t *testing.T) {
	good := string(proof.Checkpoint{Origin: proof.Origin("aka", chain.Hash{0xab}), Size: 55}.Body())
	long := strings.Repeat("a", chain.MaxTokenBytes+1)
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", proof.ErrEmpty},
		{"too much", strings.Repeat("a", proof.MaxNoteBytes+1), proof.ErrTooLarge},
		{"two lines", strings.TrimSuffix(good, "\n"), proof.ErrCheckpoint},
		{"an extension line", good + "more\n", proof.ErrCheckpoint},
		{"an empty line more", good + "\n", proof.ErrCheckpoint},
		{"carriage returns", strings.ReplaceAll(good, "\n", "\r\n"), proof.ErrCheckpoint},
		{"no size", strings.Replace(good, "55", "", 1), proof.ErrCheckpoint},
		{"size 0", strings.Replace(good, "55", "0", 1), proof.ErrSize},
		{"a size beyond every log", strings.Replace(good, "55", "1099511627777", 1), proof.ErrSize},
		{"a size at which arithmetic overflows", strings.Replace(good, "55", "9223372036854775807", 1), proof.ErrSize},
		{"the largest number", strings.Replace(good, "55", "18446744073709551615", 1), proof.ErrSize},
		{"a larger number", strings.Replace(good, "55", "18446744073709551616", 1), proof.ErrCheckpoint},
		{"a leading zero", strings.Replace(good, "55", "055", 1), proof.ErrCheckpoint},
		{"a sign", strings.Replace(good, "55", "+55", 1), proof.ErrCheckpoint},
		{"a short root", strings.Replace(good, "AAAA", "", 1), proof.ErrCheckpoint},
		{"another spelling of the root", strings.Replace(good, "A=", "B=", 1), proof.ErrCheckpoint},
		{"another family of logs", strings.Replace(good, "bpsc/", "bpsd/", 1), proof.ErrCheckpoint},
		{"no token", strings.Replace(good, "/aka/", "//", 1), proof.ErrCheckpoint},
		{"a token that cannot be", strings.Replace(good, "/aka/", "/AKA/", 1), proof.ErrCheckpoint},
		{"a token that is too long", strings.Replace(good, "/aka/", "/"+long+"/", 1), proof.ErrCheckpoint},
		{"a short id", strings.Replace(good, "ab0", "ab", 1), proof.ErrCheckpoint},
		{"upper case", strings.Replace(good, "ab0", "AB0", 1), proof.ErrCheckpoint},
		{"a path behind the id", strings.Replace(good, "ab0", "ab/", 1), proof.ErrCheckpoint},
		{"no origin", good[strings.IndexByte(good, '\n'):], proof.ErrCheckpoint},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NotEqual(t, good, c.text)
			_, err := proof.ParseCheckpoint([]byte(c.text))
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestEveryByteOfABodyCounts(t *testing.T) {
	c := newWorld(t, 3, nil).checkpoint(3)
	body := c.Body()
	for i := range body {
		for _, to := range []byte{body[i] ^ 1, body[i] ^ 0x20, ' ', '\n', 0xff} {
			changed := append([]byte(nil), body...)
			changed[i] = to
			if got, err := proof.ParseCheckpoint(changed); err == nil && string(changed) != string(body) {
				require.NotEqual(t, c, got, fmt.Sprintf("byte %d", i))
			}
		}
	}
}
