package node

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/internal/keepsake"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/node/repair"
)

// usedFollower is the folder of a follower that has worked and stopped, with all that one has.
func usedFollower(t *testing.T) (cfg FollowerConfig, gold *proof.History) {
	t.Helper()
	m := start(t, configs(t, 1)[0])
	ready(t, m.WaitReady)
	cfg = DefaultFollowerConfig()
	cfg.Data, cfg.Listen, cfg.Files, cfg.Logger = t.TempDir(), "127.0.0.1:0", 1024, slog.New(slog.DiscardHandler)
	cfg.Sources = []chainsync.Source{{Upstreams: []string{"http://" + m.Addr().String()}}}
	f, err := StartFollower(t.Context(), cfg)
	require.NoError(t, err)
	ready(t, f.WaitReady)
	require.NoError(t, f.directory.Register([]string{"a:1", "b:2"}, "net"))
	_, err = f.personal.Add([]byte(`"mine"`))
	require.NoError(t, err)
	_, err = f.personal.Forge()
	require.NoError(t, err)
	require.NoError(t, harness.Until(t.Context(), limit, "it has a checkpoint", func(context.Context) error {
		_, err := os.Stat(filepath.Join(cfg.Data, folder.Checkpoints, "gold.checkpoint"))
		return err
	}))
	require.NoError(t, f.Stop(t.Context()))
	require.NoError(t, m.Stop(t.Context()))
	text, err := os.ReadFile(filepath.Join(cfg.Data, folder.Policies, "gold.policy"))
	require.NoError(t, err)
	first, err := proof.ParsePolicy(text)
	require.NoError(t, err)
	return cfg, proof.NewHistory(first)
}

// What of a follower's files is lost while it is down it notices, and says what to do, or it
// has no need of it. What it says is done mends it.
func TestEachLostFileOfAFollowerIsNoticedOrHarmless(t *testing.T) {
	cfg, gold := usedFollower(t)
	sound := t.TempDir()
	require.NoError(t, os.CopyFS(sound, os.DirFS(cfg.Data)))
	const (
		harmless = ""         // why is in the comment of the row
		noticed  = "rebuild"  // the command mends it
		decided  = "decision" // the command mends it with --anew: somebody has to say so
	)
	rows := map[string]string{
		folder.Personal:                         decided,
		folder.Policies + "/gold.policy":        decided,
		folder.Policies + "/gold.history":       decided,
		folder.NodesFile:                        noticed,
		"known.json":                            noticed,
		"state/CURRENT":                         noticed,
		keepsake.File:                           harmless, // all that it lists is there, and is listed anew
		"LOCK":                                  harmless, // it is locked, and its text is for whoever copies the folder
		folder.Checkpoints + "/gold.checkpoint": harmless, // it is asked for again, and compared with the blocks
	}
	for name, is := range rows {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(cfg.Data))
			require.NoError(t, os.CopyFS(cfg.Data, os.DirFS(sound)))
			require.NoError(t, os.Remove(filepath.Join(cfg.Data, filepath.FromSlash(name))))
			f, err := StartFollower(t.Context(), cfg)
			if is == harmless {
				require.NoError(t, err)
				require.EqualValues(t, 2, f.personal.Length())
				require.NoError(t, f.Stop(t.Context()))
				return
			}
			require.Error(t, err)
			require.ErrorContains(t, err, filepath.Join(cfg.Data, filepath.Dir(name)))
			command := "\n  bpsc cluster rebuild --data " + cfg.Data + " --server " + cfg.Sources[0].Upstreams[0]
			if is == decided {
				command += " --anew"
			}
			require.ErrorContains(t, err, command)
			require.Equal(t, is == decided, strings.Contains(err.Error(), "--anew"))
			plan, err := repair.PlanRebuild(t.Context(), cfg.Data)
			require.NoError(t, err)
			require.Equal(t, repair.WayState, plan.Way, plan.Damaged)
			err = plan.Run(t.Context(), time.Now(), repair.Sources{})
			if is == decided {
				require.ErrorIs(t, err, repair.ErrOnlyCopy)
				plan.Anew()
				err = plan.Run(t.Context(), time.Now(), repair.Sources{})
			}
			require.NoError(t, err)
			again, err := repair.PlanRebuild(t.Context(), cfg.Data)
			require.NoError(t, err)
			require.Equal(t, repair.WayNothing, again.Way, again.Damaged)
			f, err = StartFollower(t.Context(), cfg)
			require.NoError(t, err)
			require.NoError(t, f.Stop(t.Context()))
		})
	}
	t.Run("no file is left out", func(t *testing.T) {
		require.NoError(t, filepath.WalkDir(sound, func(path string, d fs.DirEntry, err error) error {
			name, _ := filepath.Rel(sound, path)
			switch {
			case err != nil:
				return err
			case d.IsDir() && filepath.Dir(name) == "state":
				return fs.SkipDir // a database, of which a part that is missing is damage: e2e/operations
			case !d.IsDir():
				require.Contains(t, rows, filepath.ToSlash(name))
			}
			return nil
		}))
	})
	t.Run("a policy that is given needs none that was kept", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(cfg.Data))
		require.NoError(t, os.CopyFS(cfg.Data, os.DirFS(sound)))
		require.NoError(t, os.Remove(filepath.Join(cfg.Data, folder.Policies, "gold.policy")))
		given := cfg
		given.Policies = []*proof.History{gold}
		f, err := StartFollower(t.Context(), given)
		require.NoError(t, err)
		require.NoError(t, f.Stop(t.Context()))
	})
	t.Run("its own chain in a folder of a release before", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(cfg.Data))
		require.NoError(t, os.CopyFS(cfg.Data, os.DirFS(sound)))
		require.NoError(t, errors.Join(os.Remove(filepath.Join(cfg.Data, keepsake.File)), os.Remove(filepath.Join(cfg.Data, folder.Personal))))
		_, err := StartFollower(t.Context(), cfg)
		require.ErrorIs(t, err, errLost)
		plan, err := repair.PlanRebuild(t.Context(), cfg.Data)
		require.NoError(t, err)
		plan.Anew()
		require.NoError(t, plan.Run(t.Context(), time.Now(), repair.Sources{}))
		f, err := StartFollower(t.Context(), cfg)
		require.NoError(t, err)
		require.EqualValues(t, 1, f.personal.Length())
		require.NoError(t, f.Stop(t.Context()))
	})
}
