package backups

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/backup"
)

func TestABackupIsListedWithItsChains(t *testing.T) {
	l := listed{Manifest: &backup.Manifest{}}
	require.Equal(t, "no chain", l.chains(), "of a cluster that has no contract yet")
	l.Manifest.Chains = []backup.ChainRange{{Token: "gold", From: 1, Length: 3}, {Token: "silver", From: 2, Length: 9}}
	require.Equal(t, "gold 1-3, silver 2-9", l.chains())
}
