package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/internal/datafolder"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/store"
)

// RebuildWay is how a member comes by what its folder has lost.
type RebuildWay string

const (
	// RebuildNothing: nothing is damaged.
	RebuildNothing RebuildWay = "nothing"
	// RebuildState: the state comes from a snapshot and the log, which are sound. The
	// member stays who it is.
	RebuildState RebuildWay = "state"
	// RebuildReplace: what the member has promised to others is lost or in doubt, so
	// that it may not take part again as who it was: a new member with an empty folder
	// takes its place.
	RebuildReplace RebuildWay = "replace"
)

// Rebuild says what is damaged in a member's folder, and what is to be done.
type Rebuild struct {
	Member  string     `json:"member"` // id; "" where the folder does not tell
	Way     RebuildWay `json:"way"`
	Damaged []string   `json:"damaged"` // what is, in words; empty where nothing is
	// Aside is what is moved away: nothing is ever deleted. Names in the folder.
	Aside []string `json:"aside"`
	// To is the folder that it is moved to, once Move has.
	To string `json:"to,omitempty"`

	data string
}

// asidePrefix begins the names of folders for what was moved away.
const asidePrefix = "aside-"

// PlanRebuild looks at a member's folder, which no process may use, and reads all of
// it. It changes nothing.
func PlanRebuild(ctx context.Context, data string) (plan Rebuild, err error) {
	release, err := takeStopped(data)
	if err != nil {
		return plan, err
	}
	defer func() { err = errors.Join(err, release()) }()
	in, err := cluster.Examine(filepath.Join(data, "raft"))
	defer func() { err = errors.Join(err, in.Close()) }()
	plan = Rebuild{Member: in.Member, Way: RebuildNothing, Damaged: []string{}, Aside: []string{}, data: data}
	switch {
	case errors.Is(err, cluster.ErrDamaged), errors.Is(err, cluster.ErrWentBack), errors.Is(err, fs.ErrNotExist) && plan.hasState():
		plan.replace(err)
		return plan, nil
	case errors.Is(err, fs.ErrNotExist): // it has never run, or has been moved away already
		return plan, nil
	case err != nil: // another history, a member that was removed, or what the operating system says
		return plan, err
	}
	if err := plan.lookAtState(ctx); err != nil || plan.Way == RebuildNothing {
		return plan, err
	}
	return plan, plan.findSource(ctx, in)
}

// takeStopped takes a member's folder, if none runs on it.
func takeStopped(data string) (release func() error, err error) {
	if err := checkFolder(data, "a member"); err != nil {
		return nil, err
	}
	if _, err := os.Stat(data); err != nil {
		return nil, fmt.Errorf("%w: --data: %w", ErrUsage, err)
	}
	folder, err := datafolder.Take(data)
	if errors.Is(err, datafolder.ErrInUse) {
		return nil, fmt.Errorf("%w: stop the member first: %w", ErrUsage, err)
	}
	if err != nil {
		return nil, err
	}
	return folder.Release, nil
}

// lookAtState finds what is wrong with the state.
func (r *Rebuild) lookAtState(ctx context.Context) error {
	if text, err := os.ReadFile(filepath.Join(r.data, divergedFile)); err == nil {
		r.state(divergedFile+" says: "+strings.TrimSpace(string(text)), divergedFile)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := store.CheckFolder(ctx, filepath.Join(r.data, "state"))
	if errors.Is(err, store.ErrDamaged) {
		r.state(err.Error())
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there is none yet, or it has been moved away already
	}
	return err
}

// hasState tells whether there is a state, as only a member has that has run.
func (r *Rebuild) hasState() bool {
	_, err := os.Stat(filepath.Join(r.data, "state"))
	return err == nil
}

// state says that the state is to be built anew, and moves more aside with it.
func (r *Rebuild) state(damage string, more ...string) {
	r.Way = RebuildState
	r.Damaged = append(r.Damaged, damage)
	if len(r.Aside) == 0 {
		r.Aside = []string{"state"}
	}
	r.Aside = append(r.Aside, more...)
}

// replace says that all of the folder is to make way.
func (r *Rebuild) replace(damage error) {
	r.Way, r.Aside = RebuildReplace, nil
	r.Damaged = append(r.Damaged, damage.Error())
	entries, err := os.ReadDir(r.data)
	if err != nil {
		r.Damaged = append(r.Damaged, err.Error())
	}
	for _, e := range entries {
		if name := e.Name(); name != "LOCK" && name != "lost+found" && name != "raft" && !strings.HasPrefix(name, asidePrefix) {
			r.Aside = append(r.Aside, name)
		}
	}
	// Last, so that where only some could be moved the rest still shows that it is.
	r.Aside = append(r.Aside, "raft")
}

// findSource finds the newest snapshot that is sound and from which the log reaches on;
// those that are not sound make way. Its files may be the very ones that are damaged in
// the state. Without a snapshot the log has to begin with the first entry.
func (r *Rebuild) findSource(ctx context.Context, in *cluster.Examined) error {
	from := uint64(0)
	for _, s := range in.Snapshots {
		err := store.Check(ctx, s.Dir)
		if err == nil {
			from = s.Index
			break
		}
		if !errors.Is(err, store.ErrDamaged) {
			return err
		}
		r.Damaged = append(r.Damaged, err.Error())
		name, err := filepath.Rel(r.data, filepath.Dir(s.Dir))
		if err != nil {
			return err
		}
		r.Aside = append(r.Aside, name)
	}
	if err := in.Reaches(from); err != nil {
		r.replace(err)
	}
	return nil
}

// Move moves aside what the plan says, within the folder.
func (r *Rebuild) Move(now time.Time) (err error) {
	if len(r.Aside) == 0 {
		return nil
	}
	release, err := takeStopped(r.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if r.To, err = newAside(r.data, now); err != nil {
		return err
	}
	if err := durable.MkdirAll(r.To, 0o700); err != nil {
		return err
	}
	for _, name := range r.Aside {
		if err := durable.Rename(filepath.Join(r.data, name), filepath.Join(r.To, filepath.Base(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// newAside is a folder in data that is not there yet, though another one may have been
// made in the same second.
func newAside(data string, now time.Time) (string, error) {
	name := filepath.Join(data, asidePrefix+now.UTC().Format("20060102T150405Z"))
	for n, free := 2, name; ; n++ {
		if is, err := durable.Exists(free); err != nil || !is {
			return free, err
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

// Anew makes the plan one for a new member in the place of this one, whatever is
// damaged.
func (r *Rebuild) Anew() {
	if r.Way != RebuildReplace {
		r.replace(errors.New("a new member was asked for"))
	}
}
