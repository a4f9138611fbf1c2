package personal

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// envVictim names the file of a process that is going to be killed.
const envVictim = "BPSC_PERSONAL_VICTIM"

// TestVictim is not a test but that process: it adds numbers, forges now and
// then, and says what was acknowledged.
func TestVictim(t *testing.T) {
	path := os.Getenv(envVictim)
	if path == "" {
		t.Skip("only for TestKilledProcess")
	}
	c := openChain(t, path)
	for i := 0; ; i++ {
		fmt.Printf("acknowledged %d %d\n", i, add(t, c, strconv.Itoa(i)))
		if i%7 == 6 {
			forge(t, c)
		}
	}
}

func TestKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "personal.db")
	for range 3 {
		require.NoError(t, os.RemoveAll(path))
		told := killed(t, path)
		c := openChain(t, path)
		forge(t, c)
		for i, block := range told {
			text := texts(t, c, block, 1)[0]
			require.Contains(t, information(t, []byte(text)), strconv.Itoa(i))
		}
		require.NoError(t, c.Close())
	}
}

// killed kills a process amid its writes and returns, for each number that it
// acknowledged, the block it named.
func killed(t *testing.T, path string) (told []uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestVictim$")
	cmd.Env = append(os.Environ(), envVictim+"="+path)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var i int
		var block uint64
		if _, err := fmt.Sscanf(lines.Text(), "acknowledged %d %d", &i, &block); err != nil {
			continue
		}
		require.Equal(t, len(told), i)
		if told = append(told, block); len(told) == 40 {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait())
	require.GreaterOrEqual(t, len(told), 40)
	return told
}

// The file as it is after each answer has all that was answered.
func TestCopyAfterEachAnswer(t *testing.T) {
	c, path := newChain(t)
	for i := range 10 {
		block := add(t, c, strconv.Itoa(i))
		if i%4 == 3 {
			block = forge(t, c).Index
		}
		other := openChain(t, copyFile(t, path))
		require.Equal(t, texts(t, c, 1, 0), texts(t, other, 1, 0))
		if i%4 != 3 {
			forge(t, other)
		}
		require.Contains(t, information(t, []byte(texts(t, other, block, 1)[0])), strconv.Itoa(i))
	}
}

// A crash while the first block is being made leaves nothing in the way.
func TestHalfBegunChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "personal.db")
	require.NoError(t, os.WriteFile(path+".tmp", []byte("half"), 0o600))
	require.Equal(t, uint64(1), openChain(t, path).Length())
	require.NoFileExists(t, path+".tmp")
}
