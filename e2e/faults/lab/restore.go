package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// restored is what a cluster has that was made from a backup.
type restored struct {
	of     string              // the member whose state it is
	chains map[string][][]byte // blocks up to the last one in the backup, by token
}

// restore has an operator take a backup of a member's state, and make a cluster of it beside this
// one. Where the member dies meanwhile there is no backup; one that is there has to be good.
func (w *World) restore(of []int) (struck, error) {
	if len(of) == 0 {
		return struck{}, errNobody
	}
	m := w.Cluster.Members[of[0]]
	dir := filepath.Join(w.Dir, "restored-"+strconv.FormatInt(int64(w.Book.Now()), 10))
	place, limit := filepath.Join(dir, "backups"), w.through(repairing)
	return w.operation(m.ID, w.doing(func(ctx context.Context) error {
		if err := w.command(ctx, "backup", "create", "--insecure-token", "--from", m.URL, place); err != nil {
			w.Tell("skipped", 0, "%.200v", err)
			return nil
		}
		r, err := w.another(ctx, dir, place, limit)
		w.mu.Lock()
		defer w.mu.Unlock()
		if err != nil {
			w.backups = append(w.backups, rules.Backup{Of: m.ID, Refuted: fmt.Errorf("it cannot be restored: %w", err)})
			return nil
		}
		r.of = m.ID
		w.restored = append(w.restored, r)
		return os.RemoveAll(dir)
	}))
}

// another makes a cluster of one member from a backup, which verifies it, has it go on, and
// returns what it has of what was in the backup. It is ready within the limit.
func (w *World) another(ctx context.Context, dir, place string, limit time.Duration) (r restored, err error) {
	var list []struct {
		Manifest struct {
			Chains []struct {
				Token  string
				Length int
			}
		}
	}
	said, err := w.answer(ctx, "backup", "list", place, "--output", "json")
	if err == nil {
		err = json.Unmarshal(said, &list)
	}
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("there are %d backups: %s", len(list), said)
	}
	if err != nil {
		return r, err
	}
	c, err := harness.New(harness.Options{Binary: w.Binary, Dir: filepath.Join(dir, "cluster"), Members: 1, Contract: openContract})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, c.KillAll()) }()
	m := c.Members[0]
	err = w.command(ctx, "backup", "restore", place, "--data", m.Data, "--id", m.ID, "--cluster", m.ID+"="+m.Raft, "--by", "ann")
	if err == nil {
		err = errors.Join(m.Start(), c.AwaitReady(ctx, limit))
	}
	if err != nil {
		return r, err
	}
	r.chains = map[string][][]byte{}
	for _, chain := range list[0].Manifest.Chains {
		if r.chains[chain.Token], err = w.fetch(ctx, m.URL, chain.Token, 1, chain.Length); err != nil {
			return r, err
		}
	}
	return r, w.goesOn(ctx, c)
}

// goesOn has a restored cluster take a transfer.
func (w *World) goesOn(ctx context.Context, c *harness.Cluster) error {
	ack, err := c.Submit(ctx, c.Members[0].URL, harness.Transfer{Contract: w.chains[0].Token, Sender: "w1", Recipient: "w2", Amount: "1", Key: "restored"})
	if err == nil && ack.Kind != "transfer" {
		err = fmt.Errorf("a transfer became %q", ack.Kind)
	}
	return err
}

// judgeRestored holds what restored clusters have against the chains.
func (w *World) judgeRestored() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.restored {
		for _, c := range w.chains {
			w.backups = append(w.backups, rules.Backup{Of: r.of, Refuted: prefix(c.Token, r.chains[c.Token], c.texts)})
		}
	}
	w.restored = nil
}

// prefix is why some blocks are not the first ones of a chain; nil: they are.
func prefix(token string, some, all [][]byte) error {
	if len(some) > len(all) || len(some) == 0 {
		return fmt.Errorf("it was restored with %d blocks of %s, and there are %d", len(some), token, len(all))
	}
	for i, text := range some {
		if !bytes.Equal(text, all[i]) {
			return fmt.Errorf("restored, block %d of %s is another one: %.300s, and not %.300s", i+1, token, text, all[i])
		}
	}
	return nil
}
