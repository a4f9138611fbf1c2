package lab

import (
	"context"
	"os"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// observed is what a round is judged by beside what clients noted and what chains say.
type observed struct {
	waits      []rules.Wait
	procedures []rules.Wait // what operators did when all faults had ended
	ends       []rules.End
	damaged    []rules.Damaged
	lied       []rules.Lied
	audits     []rules.Audit

	deceived bool // a witness that has forgotten was shown a history that is not the cluster's
}

// missed notes what was waited for in vain.
func (w *World) missed(what string, why error) {
	w.waits = append(w.waits, rules.Wait{For: what, Failed: why})
}

// judgeObserved holds what was observed against the rules, and the chains as far as they are known.
func (w *World) judgeObserved() {
	var logs []rules.Log
	for _, p := range w.everybody() {
		text, err := os.ReadFile(p.Log)
		if err != nil {
			continue // it has never been started
		}
		from := min(w.read[p.ID], len(text))
		w.read[p.ID] = len(text)
		logs = append(logs, rules.Log{Node: p.ID, Text: string(text[from:])})
	}
	chains := map[string][][]byte{}
	for _, c := range w.chains {
		chains[c.Token] = c.texts
	}
	w.mu.Lock()
	backups, forgeries, trials := w.backups, w.forgeries, w.trials
	w.backups, w.forgeries, w.trials = nil, nil, nil
	w.mu.Unlock()
	w.found = append(w.found, rules.Served(w.waits)...)
	w.found = append(w.found, rules.Finished(w.procedures)...)
	w.found = append(w.found, rules.Damage(w.damaged, chains)...)
	w.found = append(w.found, rules.Backups(backups)...)
	w.found = append(w.found, rules.FoundOut(w.lied)...)
	w.found = append(w.found, rules.Audited(w.audits)...)
	w.found = append(w.found, rules.Refused(forgeries)...)
	w.found = append(w.found, rules.Convicted(trials)...)
	w.found = append(w.found, rules.Alarms(logs, w.deceived)...)
	w.found = append(w.found, rules.Ends(w.ends, logs)...)
}

// examining bounds how long a damaged member is asked for what it has.
const examining = 5 * time.Second

// examine notes what becomes of a damaged member that was started: what it gives away of its
// chains, and how it refuses.
func (w *World) examine(ctx context.Context, m *harness.Process, what string, from int64) {
	d := rules.Damaged{Node: m.ID, What: what, Gave: map[string]rules.Copy{}}
	asking, cancel := context.WithTimeout(ctx, examining)
	defer cancel()
	for _, c := range w.chains {
		blocks, err := w.blocks(asking, m.URL, c.Token, "from=1")
		if len(blocks) > 0 {
			d.Gave[c.Token] = rules.Copy{Node: m.ID, First: 1, Blocks: blocks}
		}
		if err != nil && m.Alive() {
			w.Tell("damage", 0, "%s gives away %d blocks of %s: %s", m.ID, len(blocks), c.Token, short(err.Error()))
		}
	}
	if d.Ended = !m.Alive(); d.Ended {
		d.Code, _ = m.AwaitExit(ctx, time.Second)
		d.Said = m.LogFrom(from)
		w.Tell("damage", 0, "%s refuses with %d: %s", m.ID, d.Code, short(lastLine(d.Said)))
	}
	w.damaged = append(w.damaged, d)
}
