package node

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/keepsake"
	"github.com/bpsc/bpsc/node/folder"
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
		what = append(what, folder.SayLost(l.data, f))
	}
	return errLost.Error() + ": " + strings.Join(what, "; ")
}

// openKept refuses where something is lost that this follower goes by.
func (f *Follower) openKept() error {
	kept, lost, damaged, err := folder.Kept(f.cfg.Data)
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
		if folder.IsPolicy(file.Name) && first && cfg.GivesPolicy(token) {
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
		case file.Name == folder.Personal:
			anew = " --anew"
			text += fmt.Sprintf("%s holds this node's own chain, which nobody else has. If it was moved, put\n"+
				"it back as it was last. If it is lost, this node begins another chain after the command.\n", f.path(folder.Personal))
		case folder.IsPolicy(file.Name):
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
