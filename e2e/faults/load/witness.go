package load

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/e2e/faults/rules"
)

// Monitor has clients ask these witnesses for what they have cosigned of Origins.
func (l *Load) Monitor(witnesses []Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.witnesses = witnesses
}

// Cosigned is where a witness shows the newest checkpoint that it has cosigned of a chain.
func Cosigned(url, origin string) string {
	return fmt.Sprintf("%s/%x/checkpoint", url, sha256.Sum256([]byte(origin)))
}

// shown asks for a checkpoint.
func (l *Load) shown(ctx context.Context, node, url string) (c rules.Checkpoint, err error) {
	a, err := call(ctx, l.client, http.MethodGet, url, "")
	if err != nil {
		return c, err
	}
	lines := strings.SplitN(string(a.body), "\n", 5)
	if a.status != http.StatusOK || len(lines) < 5 {
		return c, fmt.Errorf("%s: %d %s", url, a.status, a.body)
	}
	c = rules.Checkpoint{Node: node, Origin: lines[0], Root: lines[2]}
	c.Size, err = strconv.Atoi(lines[1])
	return c, err
}

// Covers checks that somebody shows a checkpoint of so many blocks at least.
func (l *Load) Covers(ctx context.Context, url string, size int) error {
	c, err := l.shown(ctx, "", url)
	if err == nil && c.Size < size {
		err = fmt.Errorf("%s covers %d blocks", url, c.Size)
	}
	return err
}

// monitor asks a witness for the newest checkpoint that it has cosigned.
func (w *worker) monitor(ctx context.Context) {
	w.mu.Lock()
	if len(w.witnesses) == 0 {
		w.mu.Unlock()
		return
	}
	n, contract := w.witnesses[w.rng.IntN(len(w.witnesses))], Open
	w.mu.Unlock()
	if w.rng.IntN(3) == 0 {
		contract = Signed
	}
	w.saw(ctx, n.ID, Cosigned(n.URL, w.Origins[contract]), contract, true)
}

// saw asks for a checkpoint and notes it.
func (w *worker) saw(ctx context.Context, node, url, contract string, witness bool) {
	c, err := w.shown(ctx, node, url)
	if err != nil {
		return // it is away, or has none
	}
	w.mu.Lock()
	w.seen = append(w.seen, Shown{Contract: contract, Witness: witness, Checkpoint: c})
	w.mu.Unlock()
}
