package disk

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func mount(t *testing.T) (*Mounted, string) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Getuid() != 0 {
		t.Skip("it takes /dev/fuse and root")
	}
	dir := t.TempDir()
	at, below := filepath.Join(dir, "at"), filepath.Join(dir, "below")
	require.NoError(t, os.Mkdir(at, 0o700))
	require.NoError(t, os.Mkdir(below, 0o700))
	m, err := Mount(at, below)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m, at
}

// bbolt maps its file and writes it with pwrite: what is written is to be seen in the map.
func TestAMapSeesWhatIsWritten(t *testing.T) {
	m, dir := mount(t)
	f, err := os.Create(filepath.Join(dir, "mapped"))
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Truncate(1<<16))
	mapped, err := unix.Mmap(int(f.Fd()), 0, 1<<16, unix.PROT_READ, unix.MAP_SHARED)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(mapped)) }()
	for i := range 200 {
		at := i * 97 % (1<<16 - 8)
		text := []byte{byte(i), 1, 2, 3, byte(i >> 4), 5, 6, 7}
		_, err := f.WriteAt(text, int64(at))
		require.NoError(t, err)
		// A fault on a page is served by this very process, and while one waits for it the
		// collector may wait for that thread, and everybody for the collector. So pages are
		// asked for by a call, which nobody waits for.
		require.NoError(t, unix.Madvise(mapped, unix.MADV_POPULATE_READ))
		require.Equal(t, text, mapped[at:at+8])
	}
	require.NoError(t, f.Sync())
	m.Set(Fault{Sync: syscall.EIO})
	require.ErrorIs(t, f.Sync(), syscall.EIO)
}

func TestFaults(t *testing.T) {
	m, dir := mount(t)
	name := filepath.Join(dir, "f")
	f, err := os.Create(name)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString("before")
	require.NoError(t, err)

	m.Set(Fault{Write: syscall.EIO})
	_, err = f.WriteString("x")
	require.ErrorIs(t, err, syscall.EIO)
	_, err = os.Create(filepath.Join(dir, "other"))
	require.ErrorIs(t, err, syscall.EIO)

	_, err = os.ReadFile(name)
	require.NoError(t, err)
	m.Set(Fault{Read: syscall.EIO})
	m.Forget()
	_, err = f.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, syscall.EIO)

	m.Set(Fault{Write: syscall.ENOSPC})
	_, err = f.WriteString("x")
	require.ErrorIs(t, err, syscall.ENOSPC)
	var s unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &s))
	require.Zero(t, s.Bavail)

	m.Set(Fault{Slow: 100 * time.Millisecond})
	began := time.Now()
	_, err = f.WriteString("slow")
	require.NoError(t, err)
	require.Greater(t, time.Since(began), 100*time.Millisecond)

	m.Set(Fault{Stall: true})
	done := make(chan error)
	go func() {
		_, err := f.WriteString("late")
		done <- err
	}()
	select {
	case <-done:
		t.Fatal("a disk that stands still has written")
	case <-time.After(200 * time.Millisecond):
	}
	m.Set(Fault{})
	require.NoError(t, <-done)
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "beforeslowlate", string(text))
}

// What was synced before is there, and of what was written behind it only the beginning.
func TestADiskThatLiesLosesWhatItHasNotSynced(t *testing.T) {
	m, dir := mount(t)
	name := filepath.Join(dir, "f")
	f, err := os.Create(name)
	require.NoError(t, err)
	_, err = f.WriteString("0123456789")
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	m.Set(Fault{Lie: true})
	for _, w := range []struct {
		at   int64
		text string
	}{{2, "ab"}, {8, "cdef"}, {3, "XX"}, {20, "far"}} {
		_, err = f.WriteAt([]byte(w.text), w.at)
		require.NoError(t, err)
		require.NoError(t, f.Sync())
	}
	require.NoError(t, f.Truncate(5))
	require.NoError(t, f.Close())
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "01aXX", string(text))
	lost, err := m.Power(0.6)
	require.NoError(t, err)
	require.Equal(t, 3, lost)
	text, err = os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "01ab4567cdef", string(text))
}
