package node

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/internal/outcome"
)

// backupFolder is in the data folder, for the snapshot of a backup under way.
const backupFolder = "backup"

// backup writes the state of this member as an archive.
func (m *Member) backup(ctx context.Context, out io.Writer) error {
	if m.cluster.Cluster() == "" {
		return fmt.Errorf("%w: this member waits to be added to a cluster, and has no state", outcome.NoLeader)
	}
	began := time.Now()
	source := backup.Source{
		State: m.store, Dir: m.path(backupFolder), Member: m.cfg.ID, Version: m.cfg.Version, Cluster: m.cluster.Cluster(),
	}
	for _, peer := range m.cluster.Status().Members {
		source.Members = append(source.Members, peer.ID)
	}
	made, err := backup.WriteState(ctx, out, source, backup.Begin{Taken: began})
	if err != nil {
		m.log.Warn("a backup was not finished", "error", err)
		return err
	}
	m.backedUp.set(began)
	m.log.Info("a backup was taken", "applied", made.Applied, "bytes", made.Size(), "digest", made.Digest, "took", time.Since(began))
	return nil
}
