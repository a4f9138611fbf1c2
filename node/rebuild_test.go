package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/node/repair"
	"github.com/bpsc/bpsc/store"
)

// nodesInFolder is how many nodes are registered in the folders of these tests.
const nodesInFolder = 240

// openFolder opens what a member keeps in its folder, with snapshots after a few
// entries, two of which are kept, and a log that begins behind the first entry and
// reaches back to either.
func openFolder(t *testing.T, cfg MemberConfig) (m *cluster.Member, s *store.Store) {
	t.Helper()
	s, err := store.Open(store.Config{Dir: filepath.Join(cfg.Data, folder.State)})
	require.NoError(t, err)
	cc := cfg.clusterConfig()
	cc.Logger, cc.SnapshotInterval, cc.SnapshotThreshold, cc.TrailingLogs = cfg.Logger, 10*time.Millisecond, 20, 180
	m, err = cluster.Open(cc, fsm.New(s))
	require.NoError(t, err)
	return m, s
}

func closeFolder(t *testing.T, m *cluster.Member, s *store.Store) {
	t.Helper()
	require.NoError(t, m.Shutdown(t.Context()))
	require.NoError(t, s.Close())
}

// snapshotsOf are the folders of a member's snapshots, the newest last.
func snapshotsOf(t *testing.T, data string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(data, "raft", "snapshots", "*", folder.State))
	require.NoError(t, err)
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }) // as numbers
	return all
}

// indexOf is the entry up to which a snapshot is: its name is TERM-INDEX-TIME.
func indexOf(t *testing.T, state string) (index uint64) {
	t.Helper()
	var term uint64
	_, err := fmt.Sscanf(filepath.Base(filepath.Dir(state)), "%d-%d-", &term, &index)
	require.NoError(t, err)
	return index
}

// usedFolder is the folder of a member that has worked and stopped.
func usedFolder(t *testing.T) MemberConfig {
	t.Helper()
	cfg := configs(t, 1)[0]
	m, s := openFolder(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	write := requester(m, s.Level)
	require.NoError(t, harness.Until(ctx, limit, "it leads", func(ctx context.Context) error { return m.Barrier(ctx) }))
	require.NoError(t, write.CreateDefault(ctx, *cfg.Contract))
	for i := range nodesInFolder {
		_, err := write.RegisterNodes(ctx, []string{fmt.Sprintf("127.0.0.1:%d", 10_000+i)}, fmt.Sprint(i))
		require.NoError(t, err)
		if i%60 != 59 {
			continue
		}
		require.NoError(t, harness.Until(ctx, limit, "there is a snapshot of that", func(context.Context) error {
			all := snapshotsOf(t, cfg.Data)
			if len(all) == 0 || indexOf(t, all[len(all)-1])+20 < s.AppliedIndex() {
				return errors.New(fmt.Sprint(all))
			}
			return nil
		}))
	}
	closeFolder(t, m, s)
	return cfg
}

// flip changes a bit in the middle of each file that matches.
func flip(t *testing.T, pattern string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, paths, pattern)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		text[len(text)/2] ^= 0x40
		// Another file: those of snapshots are links to the same ones.
		require.NoError(t, errors.Join(os.Remove(path), os.WriteFile(path, text, 0o600)))
	}
}

// What is damaged decides: a member whose log and votes are sound stays who it is, and
// one that may have forgotten what it promised does not.
func TestWhatIsDamagedDecidesHowAMemberIsRebuilt(t *testing.T) {
	cfg := usedFolder(t)
	all := snapshotsOf(t, cfg.Data)
	sound := t.TempDir()
	require.NoError(t, os.CopyFS(sound, os.DirFS(cfg.Data)))
	for name, tc := range map[string]struct {
		damage func(t *testing.T)
		way    repair.Way
		aside  []string
	}{
		"nothing": {func(*testing.T) {}, repair.WayNothing, []string{}},
		"the state": {func(t *testing.T) { flip(t, cfg.Data+"/state/db-*/*.sst") }, repair.WayState,
			[]string{"state"}},
		"the name of the state": {func(t *testing.T) { require.NoError(t, os.Remove(cfg.Data+"/state/CURRENT")) }, repair.WayState,
			[]string{"state"}},
		"the state and the newest snapshot": {func(t *testing.T) {
			flip(t, cfg.Data+"/state/db-*/*.sst")
			flip(t, all[1]+"/*.sst")
		}, repair.WayState, []string{"state", "raft/snapshots/" + filepath.Base(filepath.Dir(all[1]))}},
		"the state and all snapshots": {func(t *testing.T) {
			flip(t, cfg.Data+"/state/db-*/*.sst")
			flip(t, all[0]+"/*.sst")
			flip(t, all[1]+"/*.sst")
		}, repair.WayCopy, []string{"state", "raft/snapshots/" + filepath.Base(filepath.Dir(all[1])), "raft/snapshots/" + filepath.Base(filepath.Dir(all[0]))}},
		"no state, and the newest snapshot is damaged": {func(t *testing.T) {
			require.NoError(t, os.RemoveAll(cfg.Data+"/state"))
			flip(t, all[1]+"/*.sst")
		}, repair.WayState, []string{"raft/snapshots/" + filepath.Base(filepath.Dir(all[1]))}},
		"no state, and no snapshot": {func(t *testing.T) {
			require.NoError(t, os.RemoveAll(cfg.Data+"/state"))
			require.NoError(t, os.RemoveAll(filepath.Dir(all[0])))
			require.NoError(t, os.RemoveAll(filepath.Dir(all[1])))
		}, repair.WayReplace, []string{"raft"}}, // nothing says who the members are
		"another state than the majority's": {func(t *testing.T) {
			require.NoError(t, os.WriteFile(cfg.Data+"/"+folder.Diverged, []byte("a test says so"), 0o600))
		}, repair.WayState, []string{"state", folder.Diverged}},
		"the log": {func(t *testing.T) { require.NoError(t, os.Truncate(cfg.Data+"/raft/raft.db", 8192)) }, repair.WayReplace, []string{"state", "raft"}},
		"an entry of the log": {func(t *testing.T) {
			path := cfg.Data + "/raft/raft.db"
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Contains(t, string(text), "127.0.0.1:10200")
			require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(text, []byte("127.0.0.1:10200"), []byte("127.0.0.1:10201")), 0o600))
		}, repair.WayReplace, []string{"state", "raft"}},
		"the vote":        {func(t *testing.T) { flip(t, cfg.Data+"/raft/vote.json") }, repair.WayReplace, []string{"state", "raft"}},
		"no vote":         {func(t *testing.T) { require.NoError(t, os.Remove(cfg.Data+"/raft/vote.json")) }, repair.WayReplace, []string{"state", "raft"}},
		"what it saw":     {func(t *testing.T) { flip(t, cfg.Data+"/raft/memory.json") }, repair.WayReplace, []string{"state", "raft"}},
		"a snapshot":      {func(t *testing.T) { flip(t, cfg.Data+"/raft/snapshots/*/meta.json") }, repair.WayReplace, []string{"state", "raft"}},
		"the identity":    {func(t *testing.T) { flip(t, cfg.Data+"/raft/identity.json") }, repair.WayReplace, []string{"state", "raft"}},
		"all of the raft": {func(t *testing.T) { require.NoError(t, os.RemoveAll(cfg.Data+"/raft")) }, repair.WayReplace, []string{"state", "raft"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(cfg.Data))
			require.NoError(t, os.CopyFS(cfg.Data, os.DirFS(sound)))
			tc.damage(t)
			plan, err := repair.PlanRebuild(t.Context(), cfg.Data)
			require.NoError(t, err)
			require.Equal(t, tc.way, plan.Way, plan.Damaged)
			require.Equal(t, tc.aside, plan.Aside)
			require.Equal(t, tc.way == repair.WayNothing, len(plan.Damaged) == 0)
			if tc.way == repair.WayCopy { // of which there is nobody here
				nobody := repair.Sources{State: func(context.Context, func(io.Reader) error) error { return errors.New("nobody is here") }}
				require.ErrorIs(t, plan.Run(t.Context(), time.Now(), nobody), repair.ErrNobodyHas)
				again, err := repair.PlanRebuild(t.Context(), cfg.Data)
				require.NoError(t, err)
				require.Equal(t, plan.Aside, again.Aside, "the folder is as it was")
				return
			}
			require.NoError(t, plan.Move(time.Now()))
			if tc.way == repair.WayReplace {
				require.NoDirExists(t, cfg.Data+"/raft")
				return
			}
			m, s := openFolder(t, cfg)
			defer closeFolder(t, m, s)
			require.NoError(t, harness.Until(t.Context(), limit, "it has all again", func(ctx context.Context) error { return m.Barrier(ctx) }))
			_, registered := s.Nodes("", 1)
			require.Equal(t, nodesInFolder, registered)
			token, _ := s.DefaultToken()
			require.Equal(t, "gold", token)
		})
	}
}

// A log in segments decides as one in a file does.
func TestDamagedSegmentsDecideHowAMemberIsRebuilt(t *testing.T) {
	cfg := usedFolder(t)
	cfg.LogStore = "wal"
	m, s := openFolder(t, cfg) // which moves the log
	closeFolder(t, m, s)
	sound := t.TempDir()
	require.NoError(t, os.CopyFS(sound, os.DirFS(cfg.Data)))
	segments := cfg.Data + "/raft/wal/*.wal"
	for name, tc := range map[string]struct {
		damage func(t *testing.T)
		way    repair.Way
	}{
		"nothing":            {func(*testing.T) {}, repair.WayNothing},
		"the state":          {func(t *testing.T) { flip(t, cfg.Data+"/state/db-*/*.sst") }, repair.WayState},
		"the list":           {func(t *testing.T) { flip(t, cfg.Data+"/raft/wal/segments.json") }, repair.WayReplace},
		"no segments":        {func(t *testing.T) { require.NoError(t, os.RemoveAll(cfg.Data+"/raft/wal")) }, repair.WayReplace},
		"an entry of theirs": {func(t *testing.T) { replaceIn(t, segments, "127.0.0.1:10200", "127.0.0.1:10201") }, repair.WayReplace},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(cfg.Data))
			require.NoError(t, os.CopyFS(cfg.Data, os.DirFS(sound)))
			tc.damage(t)
			plan, err := repair.PlanRebuild(t.Context(), cfg.Data)
			require.NoError(t, err)
			require.Equal(t, tc.way, plan.Way, plan.Damaged)
		})
	}
}

// replaceIn changes a text in the files that match, of which one has it.
func replaceIn(t *testing.T, pattern, old, text string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	require.NoError(t, err)
	found := false
	for _, path := range paths {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		found = found || bytes.Contains(b, []byte(old))
		require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(b, []byte(old), []byte(text)), 0o600))
	}
	require.True(t, found, pattern)
}

func TestAFolderThatIsNotToBeRebuilt(t *testing.T) {
	cfg := usedFolder(t)
	_, err := repair.PlanRebuild(t.Context(), filepath.Join(cfg.Data, "nowhere"))
	require.ErrorIs(t, err, ErrUsage)

	m := start(t, cfg)
	ready(t, m.WaitReady)
	_, err = repair.PlanRebuild(t.Context(), cfg.Data)
	require.ErrorIs(t, err, ErrUsage, "it runs")
	require.NoError(t, m.Stop(t.Context()))

	plan, err := repair.PlanRebuild(t.Context(), cfg.Data)
	require.NoError(t, err)
	require.Equal(t, repair.WayNothing, plan.Way)
	require.Equal(t, cfg.ID, plan.Member)
	plan.Anew()
	require.NoError(t, plan.Move(time.Now()))
	left, err := os.ReadDir(cfg.Data)
	require.NoError(t, err)
	require.Len(t, left, 2, "the lock, and what was moved aside")
	plan, err = repair.PlanRebuild(t.Context(), cfg.Data)
	require.NoError(t, err)
	require.Equal(t, repair.WayNothing, plan.Way, "what was moved aside is not looked at again")

	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "personal.db"), nil, 0o600))
	plan, err = repair.PlanRebuild(t.Context(), folder)
	require.NoError(t, err)
	require.ErrorIs(t, plan.Run(t.Context(), time.Now(), repair.Sources{}), repair.ErrOnlyCopy, "a follower's own chain")
	require.FileExists(t, filepath.Join(folder, "personal.db"))
}

// Whoever rebuilds twice in a second has both in folders of their own.
func TestWhatWasMovedAsideStaysApart(t *testing.T) {
	cfg, now := usedFolder(t), time.Now()
	var to []string
	for range 3 {
		require.NoError(t, os.MkdirAll(filepath.Join(cfg.Data, folder.State), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(cfg.Data, "state", "CURRENT"), []byte("../nowhere"), 0o600))
		plan, err := repair.PlanRebuild(t.Context(), cfg.Data)
		require.NoError(t, err)
		require.Equal(t, repair.WayState, plan.Way)
		require.NoError(t, plan.Run(t.Context(), now, repair.Sources{}))
		require.FileExists(t, filepath.Join(plan.To, "state", "CURRENT"))
		require.NotContains(t, to, plan.To)
		to = append(to, plan.To)
	}
	all, err := folder.ReadRebuilt(cfg.Data)
	require.NoError(t, err)
	require.Len(t, all, 3)
}

// What was rebuilt is counted by the member that starts on the folder, and told once.
func TestARebuildIsToldAndCounted(t *testing.T) {
	cfg := configs(t, 1)[0]
	m := start(t, cfg)
	ready(t, m.WaitReady)
	require.NoError(t, m.Stop(t.Context()))
	require.NoError(t, os.WriteFile(filepath.Join(cfg.Data, "state", "CURRENT"), []byte("../nowhere"), 0o600))
	plan, err := repair.PlanRebuild(t.Context(), cfg.Data)
	require.NoError(t, err)
	require.NoError(t, plan.Run(t.Context(), time.Now(), repair.Sources{}))
	for range 2 {
		m = start(t, cfg)
		ready(t, m.WaitReady)
		byWay, _ := m.rebuilt()
		require.Equal(t, map[string]uint64{"state": 1}, byWay)
		require.NoError(t, harness.Until(t.Context(), limit, "the audit log has it", func(context.Context) error {
			all, err := folder.ReadRebuilt(cfg.Data)
			if err == nil && !all[0].Told {
				err = errors.New("it was not told yet")
			}
			return err
		}))
		page, _ := m.store.AuditLog(1, 10)
		require.Len(t, page, 1)
		require.Equal(t, "members.rebuild", page[0].What)
		require.Equal(t, "ok", page[0].Result)
		require.NoError(t, m.Stop(t.Context()))
	}
}
