package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/bpsc/bpsc/e2e/faults/load"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// strikeForgetful has a witness forget, and those whose keys are a majority show it a second root before the members
// show it theirs. It may cosign that: it has nothing to hold it against, which is why there are several witnesses.
// What the other one has convicts who signed both. In the end the witness forgets once more, and begins with what is so.
func (w *World) strikeForgetful(dishonest []int) (struck, error) {
	one, other := w.witnesses[1], w.witnesses[0]
	keys, err := w.stolen(dishonest)
	if err != nil {
		return struck{}, err
	}
	w.Load.Monitor([]load.Node{{ID: other.ID, URL: other.URL}}) // what the first shows from now on need not be so
	w.deceived = true
	w.mark(one.ID, "killed", true)
	forget := func() error {
		w.forgot++
		return errors.Join(one.Kill(), os.RemoveAll(filepath.Join(one.Data, "logs")))
	}
	if err := errors.Join(forget(), one.Start()); err != nil {
		return struck{}, err
	}
	showing, err := aside(one.ID+", by keys of "+w.names(dishonest), func(ctx context.Context) {
		err := harness.Until(context.WithoutCancel(ctx), contradicting, "a second root", func(ctx context.Context) error {
			return w.seduce(ctx, one, other, keys)
		})
		if err != nil {
			w.Tell("skipped", 0, "forgetful-witness: %s", short(err.Error()))
		}
	})
	return struck{showing.who, func(ctx context.Context) error {
		err := errors.Join(showing.end(ctx), forget(), w.restart(&one.Process))
		w.mark(one.ID, "killed", false)
		w.monitor()
		return err
	}}, err
}

// seduce shows a witness that has forgotten a second root of as many blocks as another one has cosigned. An error says that it
// has not come to an answer.
func (w *World) seduce(ctx context.Context, one, other *harness.Witness, keys []signer) error {
	note, err := w.text(ctx, load.Cosigned(other.URL, w.Load.Origins[load.Open]))
	if err != nil {
		return err
	}
	second, err := forged(note, keys)
	if err != nil {
		return err
	}
	var names, both []string
	for _, s := range keys {
		names = append(names, s.owner())
		if signedBy(note, s) {
			both = append(both, s.owner())
		}
	}
	if len(both) == 0 {
		return errors.New("none of them has signed the first")
	}
	status, err := w.post(ctx, one.URL+"/add-checkpoint", "old 0\n\n"+second)
	if err != nil {
		return err
	}
	w.Tell("evidence", 0, "%s, which has forgotten, answers a second root with %d", one.ID, status)
	w.mu.Lock()
	w.forgeries = append(w.forgeries, rules.Forgery{Witness: one.ID, Size: sizeOf(note), Signed: names, Status: status, Forgot: true})
	w.mu.Unlock()
	if status != http.StatusOK {
		return nil // the members were first, and it remembers that
	}
	file := filepath.Join(w.Dir, fmt.Sprintf("forgetful-%d.evidence.json", w.Book.Now()))
	if err := os.WriteFile(file, evidence(note, second), 0o600); err != nil {
		return err
	}
	w.try(ctx, "whoever has what both witnesses cosigned", file, both)
	return nil
}
