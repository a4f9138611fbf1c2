package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// repairing bounds what an operator's command may take, without what it takes to read the chain. It is no rule:
// what takes so long has broken one.
const repairing = time.Minute

// othersFirst is what the command says where it takes a majority: of two that are damaged one may be
// mended without the others, and which one only the command knows.
const othersFirst = "Mend and start the other members first"

// repair does what an operator does with members whose files are damaged: starts them, as
// nobody knows of it, reads what they say where they refuse, and has them rebuilt.
func (w *World) repair(ctx context.Context) {
	var next []*harness.Member
	for _, m := range w.Cluster.Members {
		if w.damage[m.ID] != "" {
			next = append(next, m)
		}
	}
	put := map[string]bool{} // off, until the others are well
	for len(next) > 0 {
		m, what, within := next[0], w.damage[next[0].ID], w.through(procedures)
		next = next[1:]
		delete(w.damage, m.ID)
		took, err := w.repairOne(ctx, m, what)
		if err != nil && strings.Contains(err.Error(), othersFirst) && len(next) > 0 && !put[m.ID] {
			w.Tell("repair", 0, "%s: the others come first", m.ID)
			w.damage[m.ID], put[m.ID], next = what, true, append(next, m)
			continue
		}
		w.procedures = append(w.procedures, rules.Wait{For: m.ID + " after " + what, Took: took, Within: within, Failed: err})
		w.mark(m.ID, "damaged", false)
	}
	if f := w.Follower; w.damage[f.ID] != "" {
		what, within := w.damage[f.ID], w.through(procedures)
		delete(w.damage, f.ID)
		took, err := w.repairFollower(ctx, f, what)
		w.procedures = append(w.procedures, rules.Wait{For: f.ID + " after " + what, Took: took, Within: within, Failed: err})
		w.mark(f.ID, "damaged", false)
	}
}

// repairFollower is repairOne for the follower: others have its chains. What nobody else has
// makes way when its operator says so, once he has read that.
func (w *World) repairFollower(ctx context.Context, f *harness.Follower, what string) (took time.Duration, err error) {
	from := f.LogSize()
	if err := f.Start(); err != nil {
		return 0, err
	}
	if err := w.await(ctx, &f.Process, w.fair(starting)); err == nil {
		w.Tell("damage", 0, "%s starts all the same", f.ID)
	}
	w.examine(ctx, &f.Process, what, from)
	if err := f.Kill(); err != nil {
		return 0, err
	}
	began, limit := time.Now(), w.through(repairing)
	command := []string{"cluster", "rebuild", "--data", f.Data, "--server", strings.Join(w.Cluster.URLs(), ","), "--insecure-token", "--timeout", limit.String()}
	err = w.command(ctx, command...)
	if err != nil && strings.Contains(err.Error(), "--anew") {
		w.Tell("repair", 0, "%s: %s", f.ID, short(err.Error()))
		err = w.command(ctx, append(command, "--anew")...)
	}
	if err == nil {
		err = f.Start()
	}
	if err == nil {
		err = w.await(ctx, &f.Process, limit)
	}
	took = time.Since(began)
	if err == nil {
		w.Tell("repair", 0, "%s is as ever %v after the command", f.ID, took.Round(time.Millisecond))
	}
	return took, err
}

// sick is how many members are damaged.
func (w *World) sick() (n int) {
	for _, m := range w.Cluster.Members {
		if w.damage[m.ID] != "" {
			n++
		}
	}
	return n
}

// repairOne repairs one member, and returns how long the last command took, until the member was ready.
func (w *World) repairOne(ctx context.Context, m *harness.Member, what string) (took time.Duration, err error) {
	from := m.LogSize()
	if !m.Alive() {
		if err := m.Start(); err != nil {
			return 0, err
		}
	}
	err = w.await(ctx, &m.Process, w.fair(starting)) // one that ends, or is ready all the same, has not read the chain
	if err == nil {
		w.Tell("damage", 0, "%s starts all the same", m.ID)
	}
	w.examine(ctx, &m.Process, what, from)
	if err := m.Kill(); err != nil {
		return 0, err
	}
	// Whoever repairs sees to it that the others are well first: the command refuses to put a
	// majority at risk. As long as two are damaged of three, nobody is ready, and nobody waits for that.
	for _, i := range w.others(m) {
		if other := w.Cluster.Members[i]; w.sick() == 0 && other.Alive() {
			if err := w.await(ctx, &other.Process, w.through(starting)); err != nil { // it may just have been added
				w.Tell("repair", 0, "%s is not ready: %v", other.ID, short(err.Error()))
			}
		}
	}
	began := time.Now()
	from = m.LogSize()
	command := []string{"cluster", "rebuild", "--data", m.Data, "--id", m.ID}
	if strings.Contains(what, "journal") || strings.Contains(what, "disk lost") {
		command = append(command, "--anew") // what it keeps in its folder cannot be believed
	}
	if err = w.rebuild(ctx, m, command); err == nil {
		err = w.back(ctx, m, from)
	}
	// It is not the folder alone, then. Nobody erases a member that is only slow, nor one of
	// two that are damaged: a majority would be lost for it.
	if err != nil && ctx.Err() == nil && !m.Alive() && w.sick() == 0 {
		w.Tell("repair", 0, "%s: %v; it is replaced", m.ID, short(err.Error()))
		began = time.Now()
		if err = errors.Join(m.Kill(), empty(m.Data)); err == nil {
			err = w.rebuild(ctx, m, []string{"cluster", "replace", m.ID})
		}
		if err == nil {
			err = w.back(ctx, m, from)
		}
	}
	took = time.Since(began)
	if err == nil {
		w.Tell("repair", 0, "%s is as ever %v after the command", m.ID, took.Round(time.Millisecond))
	}
	return took, err
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines { // the one that says why is often the first of several
		if strings.Contains(line, "level=ERROR") || strings.HasPrefix(line, "error") || strings.HasPrefix(line, "bpsc") {
			return line
		}
	}
	return lines[len(lines)-1]
}

// starting bounds how long a member may take that starts to be ready, or to refuse.
const starting = 15 * time.Second

// await waits until a node that was started is ready; one that ends is not waited for.
func (w *World) await(ctx context.Context, p *harness.Process, limit time.Duration) error {
	return harness.Until(ctx, limit, p.ID+" is ready", func(ctx context.Context) error {
		if !p.Alive() {
			return harness.Permanent(errors.New("it has ended"))
		}
		return harness.Get(ctx, w.http, p.URL+"/readyz", nil)
	})
}

// inUse is what a member says that is started while a command is at its folder.
const inUse = "another process uses"

// back waits until a member is ready that a command has rebuilt. Nobody can see when the command is through with the
// folder; a member that was started too early is started again, as its supervisor does.
func (w *World) back(ctx context.Context, m *harness.Member, from int64) error {
	err := w.await(ctx, &m.Process, w.through(repairing))
	if err == nil || m.Alive() || !strings.Contains(m.LogFrom(from), inUse) {
		return err
	}
	if err := m.Start(); err != nil {
		return err
	}
	return w.await(ctx, &m.Process, w.through(repairing))
}

// empty removes all that is in a folder but what a command has moved aside.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	errs := []error{err}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "aside-") {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// rebuild runs an operator's command, and starts the member when it is to be started: after it,
// or, where another takes its place, while the command waits for that.
func (w *World) rebuild(ctx context.Context, m *harness.Member, command []string) error {
	ended, limit := make(chan error, 1), w.through(repairing)
	go func() { ended <- w.bpsc(ctx, m, append(command, "--timeout", limit.String())...) }()
	var started time.Time
	err := harness.Until(ctx, limit, m.ID+" is rebuilt", func(context.Context) error {
		select {
		case err := <-ended:
			if err != nil {
				return harness.Permanent(err)
			}
			return nil
		default:
		}
		// It ends where nobody waits for it yet, as its supervisor expects.
		if _, err := os.Stat(filepath.Join(m.Data, "state")); !m.Alive() && errors.Is(err, os.ErrNotExist) && time.Since(started) > pause/2 {
			started = time.Now()
			return errors.Join(m.Start(), errors.New("it has been started"))
		}
		return errors.New("the command has not ended")
	})
	if err == nil && !m.Alive() {
		err = m.Start()
	}
	return err
}

// bpsc runs an operator's command, with all members but one as its servers.
func (w *World) bpsc(ctx context.Context, but *harness.Member, args ...string) error {
	return w.command(ctx, append(args, w.asking(but)...)...)
}

// asking is how a command finds all members but one.
func (w *World) asking(but *harness.Member) []string {
	var servers []string
	for _, i := range w.others(but) {
		servers = append(servers, w.Cluster.Members[i].URL)
	}
	return []string{"--server", strings.Join(servers, ","), "--insecure-token"}
}

// command runs bpsc as the operator does.
func (w *World) command(ctx context.Context, args ...string) error {
	_, err := w.answer(ctx, args...)
	return err
}
