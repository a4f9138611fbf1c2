package lab

import (
	"context"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/rules"
)

// aside is something that goes on beside the faults of a round. Its end waits for it.
func aside(who string, do func(ctx context.Context)) (struck, error) {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { do(ctx) })
	return struck{who, func(context.Context) error {
		stop()
		running.Wait()
		return nil
	}}, nil
}

// transfer has another member lead. Where that is refused or comes to nothing, as no other
// could, all stays as it is.
func (w *World) transfer(context.Context) (struck, error) {
	from := w.leads()
	return aside("from "+from, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if err := w.operate(ctx, http.MethodPost, "/v1/cluster:transfer-leader", "{}"); err != nil {
			w.Tell("skipped", 0, "transfer: %.150v", err)
		}
	})
}

// backup takes one of a member's state while everything goes on, and verifies it. Where the
// member dies meanwhile there is none; one that is there has to verify.
func (w *World) backup(_ context.Context, of []int) (struck, error) {
	if len(of) == 0 {
		return struck{}, errNobody
	}
	m := w.Cluster.Members[of[0]]
	place := filepath.Join(w.Dir, "backups-"+strconv.FormatInt(int64(w.Book.Now()), 10))
	limit := w.through(repairing)
	return aside(m.ID, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		if err := w.command(ctx, "backup", "create", "--insecure-token", "--from", m.URL, place); err != nil {
			w.Tell("skipped", 0, "%.200v", err)
			return
		}
		err := w.command(ctx, "backup", "verify", place)
		w.mu.Lock()
		w.backups = append(w.backups, rules.Backup{Of: m.ID, Refuted: err})
		w.mu.Unlock()
		w.Tell("backup", 0, "of %s", m.ID)
	})
}
