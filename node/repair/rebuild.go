package repair

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
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/store"
)

// Way is how a member comes by what its folder has lost.
type Way string

const (
	// WayNothing: nothing is damaged.
	WayNothing Way = "nothing"
	// WayState: the state comes from a snapshot and the log, which are sound. The
	// member stays who it is. A follower's comes from its upstreams.
	WayState Way = "state"
	// WayBlocks: blocks alone are damaged, and no snapshot is without them. They come
	// from another member or a follower, and all else stays. Where nobody has them it is
	// done as WayCopy.
	WayBlocks Way = "blocks"
	// WayCopy: state and snapshots are damaged, and log and votes are sound. The state
	// comes from another member, and the member stays who it is.
	WayCopy Way = "copy"
	// WayReplace: what the member has promised to others is lost or in doubt, so
	// that it may not take part again as who it was: a new member with an empty folder
	// takes its place.
	WayReplace Way = "replace"
)

// Rebuild says what is damaged in the folder of a member or a follower, and what is to be
// done.
type Rebuild struct {
	Member  string   `json:"member,omitempty"` // id; "" where the folder does not tell, and of a follower
	Way     Way      `json:"way"`
	Damaged []string `json:"damaged"` // what is, in words; empty where nothing is
	// Blocks are those that are damaged, where only blocks are.
	Blocks []store.BadBlocks `json:"blocks,omitempty"`
	// Others are URLs at which the others were known to be, as far as the folder tells.
	Others []string `json:"others,omitempty"`
	// Aside is what is moved away: nothing is ever deleted. Names in the folder.
	Aside []string `json:"aside"`
	// To is the folder that it is moved to, once something has been.
	To string `json:"to,omitempty"`
	// Mended is what became of Blocks.
	Mended *store.Mended `json:"mended,omitempty"`

	data     string
	rest     error // more than blocks is damaged in the state
	follower bool
	beside   []string // what of a follower is damaged or lost beside its state; names in the folder
	anew     bool
}

// asidePrefix begins the names of folders for what was moved away.
const asidePrefix = "aside-"

// PlanRebuild looks at the folder of a member or a follower, which no process may use, and
// reads all of it. It changes nothing.
func PlanRebuild(ctx context.Context, data string) (plan Rebuild, err error) {
	plan = Rebuild{Way: WayNothing, Damaged: []string{}, Aside: []string{}, data: data}
	if plan.follower, err = folder.Is(data, folder.Follower); err != nil {
		return plan, err
	}
	if plan.follower {
		return plan, plan.lookAtFollower(ctx)
	}
	release, err := folder.TakeStopped(data, folder.Member)
	if err != nil {
		return plan, err
	}
	defer func() { err = errors.Join(err, release()) }()
	in, err := cluster.Examine(filepath.Join(data, folder.Raft))
	defer func() { err = errors.Join(err, in.Close()) }()
	plan.Member = in.Member
	plan.Others = folder.Neighbours(data, in.Member)
	switch {
	case errors.Is(err, cluster.ErrDamaged), errors.Is(err, cluster.ErrWentBack), errors.Is(err, fs.ErrNotExist) && plan.hasState():
		plan.replace(err)
		return plan, nil
	case errors.Is(err, fs.ErrNotExist): // it has never run, or has been moved away already
		return plan, nil
	case err != nil: // another history, a member that was removed, or what the operating system says
		return plan, err
	}
	// Others know this member by its key, and nobody else has it.
	if damage := folder.KeyDamage(filepath.Join(data, folder.MemberKey)); damage != nil {
		plan.replace(damage)
		return plan, nil
	}
	if err := plan.lookAtState(ctx); err != nil {
		return plan, err
	}
	return plan, plan.findSource(ctx, in)
}

// take is folder.TakeStopped for the plan's folder.
func (r *Rebuild) take() (release func() error, err error) {
	if r.follower {
		return folder.TakeStopped(r.data, folder.Follower)
	}
	return folder.TakeStopped(r.data, folder.Member)
}

// lookAtState finds what is wrong with the state.
func (r *Rebuild) lookAtState(ctx context.Context) error {
	if text, err := os.ReadFile(filepath.Join(r.data, folder.Diverged)); err == nil {
		r.rest = fmt.Errorf("%s says: %s", folder.Diverged, strings.TrimSpace(string(text)))
		r.state(r.rest.Error(), folder.Diverged)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	found, err := store.DamageIn(ctx, filepath.Join(r.data, folder.State))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there is none yet, or it has been moved away already
	}
	if err != nil {
		return err
	}
	if found.Rest != nil {
		r.rest = errors.Join(r.rest, found.Rest)
		r.state(found.Rest.Error())
	}
	for _, b := range found.Blocks {
		r.state(b.String() + " cannot be read as it was written")
	}
	r.Blocks = found.Blocks
	return nil
}

// hasState tells whether there is a state, as only a member has that has run.
func (r *Rebuild) hasState() bool {
	_, err := os.Stat(filepath.Join(r.data, folder.State))
	return err == nil
}

// state says that the state is to be built anew, and moves more aside with it.
func (r *Rebuild) state(damage string, more ...string) {
	r.Way = WayState
	r.Damaged = append(r.Damaged, damage)
	if len(r.Aside) == 0 {
		r.Aside = []string{folder.State}
	}
	r.Aside = append(r.Aside, more...)
}

// replace says that all of the folder is to make way.
func (r *Rebuild) replace(damage error) {
	r.Way, r.Aside = WayReplace, nil
	r.Damaged = append(r.Damaged, damage.Error())
	entries, err := os.ReadDir(r.data)
	if err != nil {
		r.Damaged = append(r.Damaged, err.Error())
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == "LOCK", name == "lost+found", name == folder.Raft, name == folder.NeighboursFile, name == folder.RebuiltFile, strings.HasPrefix(name, asidePrefix):
		default:
			r.Aside = append(r.Aside, name)
		}
	}
	// Last, so that where only some could be moved the rest still shows that it is.
	r.Aside = append(r.Aside, folder.Raft)
}

// findSource finds the newest snapshot that is sound and from which the log reaches on;
// those that are not sound make way. Its files may be the very ones that are damaged in
// the state. Without a snapshot the log has to begin with the first entry. Where there is
// no such snapshot others have what is missing.
func (r *Rebuild) findSource(ctx context.Context, in *cluster.Examined) error {
	if r.Way == WayNothing && r.hasState() {
		return nil
	}
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
		name, err := filepath.Rel(r.data, filepath.Dir(s.Dir))
		if err != nil {
			return err
		}
		r.Way = WayState
		r.Damaged = append(r.Damaged, name+" is damaged as well")
		r.Aside = append(r.Aside, name)
	}
	reaches := in.Reaches(from)
	switch {
	case reaches == nil:
	case r.rest == nil && len(r.Blocks) > 0:
		r.Way = WayBlocks
	default:
		r.Way = WayCopy
		r.Damaged = append(r.Damaged, reaches.Error())
	}
	return nil
}

// Move moves aside what the plan says, within the folder.
func (r *Rebuild) Move(now time.Time) (err error) {
	release, err := r.take()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return r.move(now, r.Aside...)
}

// move moves names aside, those that are there.
func (r *Rebuild) move(now time.Time, names ...string) (err error) {
	for _, name := range names {
		if there, err := durable.Exists(filepath.Join(r.data, name)); err != nil {
			return err
		} else if !there {
			continue
		}
		if r.To == "" {
			if r.To, err = newAside(r.data, now); err != nil {
				return err
			}
		}
		if err := durable.MkdirAll(r.To, 0o700); err != nil {
			return err
		}
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
// damaged; of a follower, one that gives up its own chain where that is.
func (r *Rebuild) Anew() {
	r.anew = true
	if !r.follower && r.Way != WayReplace {
		r.replace(errors.New("a new member was asked for"))
	}
}
