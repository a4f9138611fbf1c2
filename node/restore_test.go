package node

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/node/repair"
)

// backedUp is a cluster of one that has served, and a place with a backup of its state
// and one of its chain.
func backedUp(t *testing.T) (place backup.Folder, cfg MemberConfig) {
	t.Helper()
	cfg = configs(t, 1)[0]
	m := start(t, cfg)
	require.NoError(t, m.WaitReady(t.Context()))
	c, err := client.New("http://" + cfg.Listen)
	require.NoError(t, err)
	for _, key := range []string{"first", "second"} {
		_, err = c.Send(t.Context(), client.Transfer{Sender: "alice", Amount: "2", Recipient: "bob", Key: key})
		require.NoError(t, err)
		_, err = c.Mine(t.Context(), "gold")
		require.NoError(t, err)
	}
	place = backup.Folder(t.TempDir())
	taken := time.Now()
	require.NoError(t, c.Backup(t.Context(), func(archive io.Reader) error {
		_, err := backup.PutStream(t.Context(), place, backup.StateName(taken), func(out io.Writer) (backup.Manifest, error) {
			return backup.Read(io.TeeReader(archive, out), func(backup.Begin, string, int64, io.Reader) error { return nil })
		})
		return err
	}))
	require.NoFileExists(t, filepath.Join(cfg.Data, backupFolder))
	var copied *backup.Copy
	require.Eventually(t, func() bool { // a checkpoint of all three blocks
		copied, err = backup.BeginCopy(t.Context(), c, "gold", nil, backup.Begin{By: "n1", Taken: taken})
		return err == nil && copied.Range().Length == 3
	}, limit, 20*time.Millisecond)
	_, err = backup.Put(t.Context(), place, backup.ChainName(copied.Range(), taken), copied.Begin(), func(ctx context.Context, w *backup.Writer) (backup.Manifest, error) {
		return copied.Write(ctx, w, nil)
	})
	require.NoError(t, err)
	require.NoError(t, m.Stop(t.Context()))
	return place, cfg
}

// restoreOne is the restore of a cluster of one under the id that there was.
func restoreOne(t *testing.T) (repair.Restore, MemberConfig) {
	cfg := configs(t, 1)[0]
	return repair.Restore{Data: cfg.Data, ID: cfg.ID, Peers: cfg.Peers, By: "ann"}, cfg
}

func openBackups(t *testing.T, place backup.Folder) (state backup.Stored, series *backup.Series) {
	t.Helper()
	entries, err := backup.List(t.Context(), place, true)
	require.NoError(t, err)
	newest, ok := backup.NewestState(entries)
	require.True(t, ok)
	state, err = place.Open(t.Context(), newest.Name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = state.Close() })
	last, ok := backup.LastOf(entries, "gold")
	require.True(t, ok)
	return state, backup.OpenSeries(place, []backup.Entry{last})
}

func TestAMemberIsRestoredAndGoesOn(t *testing.T) {
	place, old := backedUp(t)
	state, series := openBackups(t, place)
	for name, c := range map[string]struct {
		from   func(*repair.Restore)
		length uint64
	}{
		"a state":            {func(r *repair.Restore) { r.State = state }, 3},
		"a chain":            {func(r *repair.Restore) { r.Series = []*backup.Series{series} }, 3},
		"a chain until then": {func(r *repair.Restore) { r.Series, r.Until.Block = []*backup.Series{series}, 2 }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			r, cfg := restoreOne(t)
			c.from(&r)
			done, err := r.Run(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.length, done.Chains[0].Length)
			left, err := os.ReadDir(filepath.Dir(r.Data))
			require.NoError(t, err)
			require.Len(t, left, 1, "nothing stands beside it")

			m := start(t, cfg)
			require.NoError(t, m.WaitReady(t.Context()))
			require.Eventually(t, func() bool { return len(m.store.Voters()) == 1 && m.store.Voters()[0] == m.identity() }, limit, 10*time.Millisecond)
			require.NotEqual(t, old.ID, m.identity(), "it is somebody else than the member that there was")
			if name == "a state" {
				require.True(t, m.store.Removed(old.ID))
			}
			require.Eventually(t, func() bool {
				_, unsaid, err := m.cluster.Recovery()
				return err == nil && !unsaid
			}, limit, 10*time.Millisecond, "it is said")
			api, err := client.New("http://" + cfg.Listen)
			require.NoError(t, err)
			_, err = api.Mine(t.Context(), "gold")
			require.NoError(t, err)
			block, err := api.Block(t.Context(), "gold", c.length+1)
			require.NoError(t, err)
			require.Contains(t, string(block), `"kind": "recovery"`)
			require.Contains(t, string(block), `"sender": "ann"`)
			require.NoError(t, m.Stop(t.Context()))
		})
	}
}

// The members of a real cluster are on machines of their own. How they talk is said when they
// are started, not when they are restored.
func TestAMemberIsRestoredForOtherMachines(t *testing.T) {
	place, _ := backedUp(t)
	state, _ := openBackups(t, place)
	r, _ := restoreOne(t)
	r.State = state
	r.Peers = []roster.Peer{{ID: "n1", Addr: "10.0.0.1:6000"}, {ID: "n2", Addr: "ledger-2.example:6000"}, {ID: "n3", Addr: "[fd00::3]:6000"}}
	_, err := r.Run(t.Context())
	require.NoError(t, err)
	has, err := repair.Survey(r.Data)
	require.NoError(t, err)
	require.Len(t, has.Voters, 3)
}

func TestARestoreThatIsRefusedLeavesWhatWasThere(t *testing.T) {
	place, _ := backedUp(t)
	state, series := openBackups(t, place)
	for name, c := range map[string]struct {
		spoil func(*repair.Restore)
		want  error
	}{
		"no id":                     {func(r *repair.Restore) { r.ID = "" }, ErrUsage},
		"an id that cannot be one":  {func(r *repair.Restore) { r.ID = "n 1" }, ErrUsage},
		"no members":                {func(r *repair.Restore) { r.Peers = nil }, ErrUsage},
		"two of one address":        {func(r *repair.Restore) { r.Peers = append(r.Peers, roster.Peer{ID: "n2", Addr: r.Peers[0].Addr}) }, ErrUsage},
		"an id that is not in it":   {func(r *repair.Restore) { r.ID = "n7" }, ErrUsage},
		"nobody does it":            {func(r *repair.Restore) { r.By = "" }, ErrUsage},
		"from nothing":              {func(r *repair.Restore) { r.State = nil }, ErrUsage},
		"from both":                 {func(r *repair.Restore) { r.Series = []*backup.Series{series} }, ErrUsage},
		"a state until a block":     {func(r *repair.Restore) { r.Until.Block = 1 }, ErrUsage},
		"a block that is not there": {func(r *repair.Restore) { r.State, r.Series, r.Until.Block = nil, []*backup.Series{series}, 9 }, backup.ErrUntil},
		"an address of nowhere":     {func(r *repair.Restore) { r.Peers = []roster.Peer{{ID: "n1", Addr: "nowhere"}} }, ErrUsage},
		"cut short":                 {func(r *repair.Restore) { r.State = cut{r.State} }, backup.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := restoreOne(t)
			r.State = state
			c.spoil(&r)
			require.NoError(t, os.MkdirAll(filepath.Dir(r.Data), 0o700))
			_, err := r.Run(t.Context())
			require.ErrorIs(t, err, c.want)
			left, err := os.ReadDir(filepath.Dir(r.Data))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
	r, _ := restoreOne(t)
	r.State = state
	require.NoError(t, os.MkdirAll(r.Data, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(r.Data, "mine"), nil, 0o600))
	_, err := r.Run(t.Context())
	require.ErrorIs(t, err, repair.ErrNotEmpty)
	require.FileExists(t, filepath.Join(r.Data, "mine"))
}

// cut is an archive that ends early.
type cut struct{ backup.Stored }

// Read implements io.Reader.
func (c cut) Read(p []byte) (int, error) {
	n, err := c.ReadAt(p[:min(len(p), 500)], 0)
	if err == nil {
		err = io.EOF
	}
	return n, err
}
