package diskspace

import (
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/outcome"
)

const mib = 1 << 20

func TestAReserveIsBytesOrAShare(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "0%": 0, "1": 1, "7B": 7, "256MiB": 256 * mib, "2GiB": 2 << 30, "1TiB": 1 << 40, "3kB": 3000, "5MB": 5e6, "5%": 50 * mib, "90%": 900 * mib,
	} {
		r, err := ParseReserve(text)
		require.NoError(t, err, text)
		require.Equal(t, want, r.of(1000*mib), text)
	}
	for _, text := range []string{"", "MiB", "-1", "91%", "1.5GiB", "5 %", "5%%", "5PiB", "9999999999999TiB", "99999999999999999999", "5MiBB", "%"} {
		_, err := ParseReserve(text)
		require.Error(t, err, text)
	}
	require.Equal(t, uint64(256*mib), Default().of(1000*mib))
}

// disks is what the folders of a fence show.
type disks map[string]usage

func (d disks) fence(t *testing.T, reserve string) (*Fence, *strings.Builder) {
	t.Helper()
	r, err := ParseReserve(reserve)
	require.NoError(t, err)
	log := &strings.Builder{}
	f := NewFence(r, slog.New(slog.NewTextHandler(log, nil)), "a", "b")
	f.measure = func(dir string) (usage, error) {
		if u, there := d[dir]; there {
			return u, nil
		}
		return usage{}, &fs.PathError{Op: "statfs", Path: dir, Err: fs.ErrNotExist}
	}
	return f, log
}

func TestAFenceClosesBelowTheReserveAndOpensALittleAboveIt(t *testing.T) {
	d := disks{}
	f, log := d.fence(t, "100MiB")
	for _, step := range []struct {
		free        uint64
		short, none bool
	}{
		{500, false, false}, {100, false, false}, {99, true, false}, {110, true, false}, {124, true, false}, {125, false, false},
		{110, false, false}, {24, true, true}, {30, true, true}, {32, true, false}, {24, true, true}, {0, true, true}, {400, false, false},
	} {
		d["a"] = usage{free: step.free * mib, total: 1000 * mib}
		f.Look()
		s := f.Space()
		require.Equal(t, [2]bool{step.short, step.none}, [2]bool{s.Short, s.None}, "at %d MiB", step.free)
		require.Equal(t, step.short, errors.Is(f.Err(), outcome.DiskFull))
	}
	require.Equal(t, 2, strings.Count(log.String(), "no new writes"), "said once each time")
	require.Equal(t, 2, strings.Count(log.String(), "room on the disk again"))
}

func TestTheFileSystemWithTheLeastToSpareCounts(t *testing.T) {
	d := disks{"a": {free: 90 * mib, total: 10_000 * mib}, "b": {free: 400 * mib, total: 1000 * mib}}
	f, _ := d.fence(t, "1%")
	f.Look()
	require.Equal(t, "a", f.Space().Dir)
	require.True(t, f.Space().Short, "a share of its own size")
	d["a"], d["b"] = usage{free: 5000 * mib, total: 10_000 * mib}, usage{free: 9 * mib, total: 1000 * mib}
	f.Look()
	require.Equal(t, "b", f.Space().Dir)
	require.ErrorContains(t, f.Err(), "9216 KiB of its disk are free, and 10 MiB")
}

func TestWithoutAReserveOrAnAnswerNothingCloses(t *testing.T) {
	d := disks{"a": {free: 0, total: mib}}
	f, _ := d.fence(t, "0")
	f.Look()
	require.NoError(t, f.Err())

	f, _ = d.fence(t, "1MiB")
	f.Look()
	require.Error(t, f.Err())
	f.measure = func(string) (usage, error) { return usage{}, fs.ErrPermission }
	f.Look()
	require.Error(t, f.Err(), "it is taken as before")
	f.measure = func(string) (usage, error) { return usage{}, errors.ErrUnsupported }
	f.Look()
	require.NoError(t, f.Err())
}

func TestTheDiskOfAFolderThatIs(t *testing.T) {
	u, err := measure(t.TempDir())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	require.Positive(t, u.total)
	require.LessOrEqual(t, u.free, u.total)
	_, err = measure("/nowhere/at/all")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
