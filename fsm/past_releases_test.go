package fsm

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/store"
)

// States from before there were notes answer for the past as well.
func TestThePastOfStatesOfReleases(t *testing.T) {
	archives, err := harness.ReleaseData()
	require.NoError(t, err)
	for version, archive := range archives {
		dir := t.TempDir()
		require.NoError(t, harness.Unpack(archive, dir))
		for _, node := range []string{"n1", "f1"} {
			t.Run(version+" "+node, func(t *testing.T) {
				s, err := store.Open(store.Config{Dir: filepath.Join(dir, node, "state"), Log: node == "f1"})
				require.NoError(t, err)
				defer func() { require.NoError(t, s.Close()) }()
				for _, token := range []string{"aka", "gold"} {
					replayPast(t, s, token, never)
				}
			})
		}
	}
}
