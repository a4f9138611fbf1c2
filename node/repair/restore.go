package repair

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/node/folder"
)

var (
	// ErrNotEmpty: a restore does not touch a folder that holds anything.
	ErrNotEmpty = errors.New("there is something in the folder")
	// ErrOlder: a witness has seen more than the restored cluster would have.
	ErrOlder = errors.New("a witness has seen newer blocks")
)

// Restore is how one member of a new cluster is made from a backup: each member with
// the same backup and Peers, and each on its own machine.
type Restore struct {
	Data  string        // folder to be made, or an empty one
	ID    string        // of the member, one of Peers
	Peers []roster.Peer // of the new cluster
	By    string        // who restores, the same for each member: it is said in the chains

	// State is the archive of a state; or Series are those of blocks, in the order in
	// which their contracts were created, until Until.
	State  backup.Stored
	Series []*backup.Series
	Until  backup.Until

	// Witnesses are asked what they have seen, unless Older says that what they have
	// seen may be lost.
	Witnesses []proof.Cosigner
	Older     bool
	Trusted   *tls.Config // by which witnesses are believed over https; nil: the system's authorities

	Options audit.Options // how the backup is verified
}

// Restored is what was made.
type Restored struct {
	Reports []audit.Report // of all that the backup has
	Chains  []backup.ChainRange
	Origin  string // from what; the same for each member
	Index   uint64 // of the log, behind which the new cluster goes on
}

// restoring is one run of a Restore.
type restoring struct {
	Restore
	Restored
	temp   string   // folder that becomes Data
	state  string   // in it, with a snapshot of the state
	before []string // members that the backup was of
	taken  time.Time
	notes  map[string][][]byte // signed checkpoints of each chain
}

// Run verifies the backup, makes the folder beside its place, and moves it there
// once it is whole. On an error there is what was there before. Errors wrap
// chain.ErrInvalid where the backup does not verify.
func (r Restore) Run(ctx context.Context) (done Restored, err error) {
	if err := r.Validate(); err != nil {
		return done, err
	}
	if (r.State == nil) == (len(r.Series) == 0) || r.State != nil && r.Until != (backup.Until{}) || r.Until.Block > 0 && len(r.Series) != 1 {
		return done, fmt.Errorf("%w: a state is restored as it is, and one chain until a block", folder.ErrUsage)
	}
	parent := filepath.Dir(filepath.Clean(r.Data))
	if err := durable.MkdirAll(parent, 0o755); err != nil {
		return done, err
	}
	w := &restoring{Restore: r, notes: map[string][][]byte{}}
	if w.temp, err = os.MkdirTemp(parent, filepath.Base(r.Data)+".restoring-*"); err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(w.temp)) }() // once it is moved there is none
	take := w.takeChains
	if r.State != nil {
		take = w.takeState
	}
	if err := take(ctx); err != nil {
		return done, err
	}
	if err := w.askWitnesses(ctx); err != nil {
		return done, err
	}
	if err := w.found(); err != nil {
		return done, err
	}
	return w.Restored, w.place()
}

// Validate says what is wrong with r but for the backup, and whether there is
// something in the folder.
func (r *Restore) Validate() error {
	switch {
	case r.Data == "":
		return usage(errors.New("--data is required"))
	case r.ID == "":
		return usage(errors.New("--id is required"))
	case len(r.Peers) == 0:
		return usage(errors.New("--cluster is required"))
	}
	// How the members will be reached, and by whom, is not said here: they are started with it.
	if err := (&cluster.Restored{ID: r.ID, Peers: r.Peers}).Validate(); err != nil {
		return usage(err)
	}
	if _, err := chain.NewRecovery(r.By, "restored", []string{"before"}, []string{"after"}, 0); err != nil {
		return fmt.Errorf("%w: --by %.80q: %w", folder.ErrUsage, r.By, err)
	}
	switch entries, err := os.ReadDir(r.Data); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%w: %w: %s: restore into a new one, and leave this as it is", folder.ErrUsage, ErrNotEmpty, r.Data)
	}
	return nil
}

// found makes the member's log, which has nothing but the snapshot.
func (w *restoring) found() error {
	raft := filepath.Join(w.temp, folder.Raft)
	if err := os.RemoveAll(raft); err != nil { // unpacking made an empty one
		return err
	}
	err := cluster.Restore(cluster.Restored{
		Dir: raft, ID: w.ID, Peers: w.Peers, Origin: w.Origin, Index: w.Index, State: w.state,
		By: w.By, Reason: w.reason(), Time: w.taken.Unix(), Before: w.before,
	})
	if err != nil {
		return err
	}
	return durable.SyncTree(raft)
}

// reason is what the chains say, the same on each member.
func (w *restoring) reason() string {
	text := fmt.Sprintf("restored from backup %.16s of %s", w.Origin, w.taken.UTC().Format(time.RFC3339))
	for _, c := range w.Chains {
		if len(text) > 300 {
			break
		}
		text += fmt.Sprintf("; %s as of block %d", c.Token, c.Length)
	}
	return text
}

// place moves the folder to where the member looks for it.
func (w *restoring) place() error {
	entries, err := os.ReadDir(w.temp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != folder.Raft {
			if err := os.RemoveAll(filepath.Join(w.temp, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(w.Data); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // it is not empty any more
	}
	return durable.Rename(w.temp, w.Data)
}

// note keeps what is known of a chain.
func (w *restoring) note(report audit.Report, c backup.ChainRange, notes ...[]byte) {
	w.Reports, w.Chains = append(w.Reports, report), append(w.Chains, c)
	w.notes[c.Token] = slices.DeleteFunc(notes, func(n []byte) bool { return n == nil })
}
