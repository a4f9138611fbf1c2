package node

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/keepsake"
)

// errLost: files of a follower's that are nobody else's are gone, or are not what they were.
// A node that began them anew would say something else under the same name.
var errLost = errors.New("this node has lost what nobody else has")

// lostFiles is errLost, with the files.
type lostFiles struct {
	data  string
	files []keepsake.Lost
}

// Unwrap makes it errLost.
func (lostFiles) Unwrap() error { return errLost }

func (l lostFiles) Error() string {
	var what []string
	for _, f := range l.files {
		what = append(what, saidOf(l.data, f))
	}
	return errLost.Error() + ": " + strings.Join(what, "; ")
}

func saidOf(data string, f keepsake.Lost) string {
	path := filepath.Join(data, filepath.FromSlash(f.Name))
	if f.Altered {
		return path + " is not what this node wrote"
	}
	return path + " is missing, and it was there"
}

// isPolicy tells which of a follower's files say whose signatures it goes by: where they are
// lost it would believe whoever is asked first, again.
func isPolicy(name string) bool { return strings.HasPrefix(name, policiesFolder+"/") }

// lookKept opens the list of what a follower's folder has that nobody else has, and says what
// is lost of it; damaged where the list itself is. It changes nothing.
func lookKept(data string) (kept *keepsake.List, lost []keepsake.Lost, damaged, err error) {
	kept, err = keepsake.Open(data)
	if errors.Is(err, keepsake.ErrUnreadable) {
		damaged, err = err, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if lost, err = kept.Lost(); err != nil {
		return nil, nil, nil, err
	}
	// Whether it is on the list or not: a follower has had its own chain before it has had a
	// state.
	used, err := durable.Exists(filepath.Join(data, "state", "CURRENT"))
	if err != nil {
		return nil, nil, nil, err
	}
	own, err := durable.Exists(filepath.Join(data, personalFile))
	if used && !own && !slices.ContainsFunc(lost, func(f keepsake.Lost) bool { return f.Name == personalFile }) {
		lost = append(lost, keepsake.Lost{Name: personalFile})
	}
	return kept, lost, damaged, err
}

// openKept refuses where something is lost that this follower goes by.
func (f *Follower) openKept() error {
	kept, lost, damaged, err := lookKept(f.cfg.Data)
	if err != nil {
		return err
	}
	if damaged != nil {
		f.log.Warn("what this node keeps is listed anew from what is there", "error", damaged)
	}
	cfg := f.cfg.syncConfig()
	left := lostFiles{data: f.cfg.Data}
	for _, file := range lost {
		token, first := strings.CutSuffix(filepath.Base(file.Name), chainsync.PolicySuffix)
		if isPolicy(file.Name) && first && cfg.GivesPolicy(token) {
			continue
		}
		left.files = append(left.files, file)
	}
	if len(left.files) > 0 {
		return left
	}
	f.kept = kept
	return nil
}

// remedyLost is what to do about them.
func (f *Follower) remedyLost(lost lostFiles) string {
	text, anew := "", ""
	for _, file := range lost.files {
		switch {
		case file.Name == personalFile:
			anew = " --anew"
			text += fmt.Sprintf("%s holds this node's own chain, which nobody else has. If it was moved, put\n"+
				"it back as it was last. If it is lost, this node begins another chain after the command.\n", f.path(personalFile))
		case isPolicy(file.Name):
			anew = " --anew"
			text += fmt.Sprintf("%s says whose signatures this node goes by. If it was moved, put it back; or\n"+
				"start with --policy and a file from somebody you trust. After the command this node believes\n"+
				"whom it asks first, as it did when it was new.\n", f.path(file.Name))
		default:
			text += fmt.Sprintf("%s: if it was moved, put it back. After the command it is begun anew.\n", f.path(file.Name))
		}
	}
	return "What to do: check the disk.\n" + text + "  " + f.rebuild() + anew
}
