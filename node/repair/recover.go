package repair

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/store"
)

// ErrNotTheMost: of the members that are left another one has more, or this one has.
var ErrNotTheMost = errors.New("what this member has is not what was said to be the most")

// Recover makes a member that is stopped go on without a majority that is lost for
// good. It is done on each of Members, in any order, before the first of them starts.
type Recover struct {
	Data string
	// Members are those that go on, this one among them, the same on each.
	Members []roster.Peer
	// Most is what the member has that has the most of them; what this one has when
	// it is zero and there is no other.
	Most Reach
	// By and Reason are said in every chain, for whoever reads it: who did it, and why.
	By, Reason string
}

// Reach is how far the log of a member goes. The one with the highest term, and of those
// the highest entry, has all that was final.
type Reach struct {
	Term, Entry uint64
}

// ParseReach is the inverse of String.
func ParseReach(text string) (r Reach, err error) {
	var rest string
	if n, _ := fmt.Sscanf(text, "%d/%d%s", &r.Term, &r.Entry, &rest); n != 2 {
		return Reach{}, fmt.Errorf("%q is not TERM/ENTRY", text)
	}
	return r, nil
}

// String is TERM/ENTRY.
func (r Reach) String() string { return fmt.Sprintf("%d/%d", r.Term, r.Entry) }

func (r Reach) beyond(other Reach) bool {
	return r.Term > other.Term || r.Term == other.Term && r.Entry > other.Entry
}

// Survivor is what a member that is stopped has.
type Survivor struct {
	Member string   `json:"member"` // identity
	Has    Reach    `json:"-"`
	Commit uint64   `json:"commit"` // the last entry that it knows to be final
	Voters []string `json:"voters"` // identities
}

// Survey says what a member that is stopped has, and changes nothing.
func Survey(data string) (s Survivor, err error) {
	release, err := folder.TakeStopped(data, folder.Member)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, release()) }()
	has, err := cluster.Inspect(filepath.Join(data, folder.Raft))
	if err != nil {
		return s, err
	}
	s = Survivor{Member: string(has.Identity), Has: Reach{has.Term, has.Last}, Commit: has.Commit, Voters: []string{}}
	for _, m := range has.Configuration.Members {
		if m.Voter {
			s.Voters = append(s.Voters, string(m.Identity()))
		}
	}
	return s, nil
}

// behind tells whether another one has more than this member.
func (r *Recover) behind(has Reach) (bool, error) {
	switch {
	case r.Most == Reach{} && len(r.Members) > 1:
		return false, fmt.Errorf("%w: --most is required: what the member has that has the most, as --dry-run shows on each of them", folder.ErrUsage)
	case r.Most == Reach{}:
		return false, nil
	case has.beyond(r.Most):
		return false, fmt.Errorf("%w: it has %v, which is more than %v: say that with --most, and begin again on the others", ErrNotTheMost, has, r.Most)
	case len(r.Members) == 1 && r.Most.beyond(has):
		return false, fmt.Errorf("%w: it has %v, and the one with %v has to go on", ErrNotTheMost, has, r.Most)
	}
	return r.Most.beyond(has), nil
}

// Validate says what is wrong with r, by the names of bpsc's flags.
func (r *Recover) Validate() error {
	if len(r.Members) == 0 {
		return usage(errors.New("--members is required: those that go on, as id=host:port"))
	}
	if _, err := chain.NewRecovery(r.By, r.Reason, []string{"before"}, []string{"after"}, 0); err != nil {
		return usage(fmt.Errorf("--by and --reason are said in every chain: %w", err))
	}
	return nil
}

// Run does it, and says who the voters were and are. It may be repeated.
func (r *Recover) Run(now time.Time) (before, after []string, err error) {
	if err := r.Validate(); err != nil {
		return nil, nil, err
	}
	has, err := Survey(r.Data)
	if err != nil {
		return nil, nil, err
	}
	behind, err := r.behind(has.Has)
	if err != nil {
		return nil, nil, err
	}
	release, err := folder.TakeStopped(r.Data, folder.Member)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	rescue := cluster.Rescue{
		Dir: filepath.Join(r.Data, folder.Raft), ID: identity.Identity(has.Member).ID(), Members: slices.Clone(r.Members), Behind: behind,
		By: r.By, Reason: r.Reason, Time: now.Unix(),
	}
	// Whoever finds the state damaged does not return: it is left behind.
	ended := make(chan error, 2)
	go func() {
		said, err := recoverOn(filepath.Join(r.Data, folder.State), rescue, func(damage error) { ended <- damage; select {} })
		before, after = said.Before, said.After
		ended <- err
	}()
	if err := <-ended; err != nil {
		return nil, nil, err
	}
	return before, after, nil
}

// recoverTables is how many files of the state are open: it is read by nobody else, and whoever
// calls the command may have few.
const recoverTables = 74

// recoverOn recovers a member with its state.
func recoverOn(state string, rescue cluster.Rescue, fatal func(error)) (said datadir.Recovery, err error) {
	s, err := store.Open(store.Config{Dir: state, Tables: recoverTables, Logger: slog.New(slog.DiscardHandler), Fatal: fatal})
	if err != nil {
		return said, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return cluster.Recover(rescue, fsm.New(s))
}
