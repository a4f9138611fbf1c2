package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/follower/personal"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/store"
)

// distrust cuts the node off: what it has on disk or in memory is not to be trusted.
func (s *service) distrust(k kind) func(error) {
	return func(err error) {
		text, _ := s.remedy(k, err)
		what := "this node cannot go on and stops"
		if errors.Is(err, cluster.ErrRemoved) {
			what = "this member was removed from its cluster, and stops"
		}
		s.fatal(what, err, text)
	}
}

// explain adds to an error what to do about it, where that is known.
func (s *service) explain(k kind, err error) error {
	if text, known := s.remedy(k, err); known {
		return fmt.Errorf("%w\n\n%s", err, text)
	}
	return err
}

// remedy is what an operator is told; known is false where that is true of any error.
func (s *service) remedy(k kind, err error) (text string, known bool) {
	if advice, system := durable.Advice(err); system {
		return fmt.Sprintf("What to do: %s.\nThen start again on %s as it is: nothing in it is known to be damaged.", advice, s.common.Data), true
	}
	return k.remedy(err)
}

// remedy implements kind. It never advises an earlier state of the folder: a member
// that went back in time takes acknowledged transfers with it. An empty folder is good
// only as a replacement, which the others take for a new member.
func (m *Member) remedy(err error) (text string, known bool) {
	data, known := m.cfg.Data, true
	switch {
	case errors.Is(err, release.ErrTooOld):
		text = fmt.Sprintf("What to do: install the release that is named, or a newer one, and start this member again on\n"+
			"%[1]s as it is. The cluster has activated what this binary does not know, and there is no way back.", data)
	case errors.Is(err, store.ErrDamaged):
		text = fmt.Sprintf("What to do: check the disk and the memory of this machine. Then\n"+
			"  %[2]s\n"+
			"mends the state or moves it aside, and this member, started again, goes on. What %[1]s\n"+
			"does not have itself comes from the others, and is verified.", data, m.rebuild())
	case errors.Is(err, cluster.ErrDiverged):
		text = fmt.Sprintf("What to do: stop all members and leave their folders, %s among them, as they are.\n"+
			"Some hold transfers as final that others do not have, and no program can tell which\n"+
			"history counts. People have to decide, by the checkpoints, receipts and copies of the\n"+
			"chain that clients, followers and witnesses keep. No member serves until then.", data)
	case errors.Is(err, cluster.ErrRemoved):
		text = fmt.Sprintf("What to do: nothing, if that was meant. What is in %[1]s never takes part again. For a\n"+
			"member %[2]s again move it aside, start with --join, and on another member:\n"+
			"  bpsc cluster add %[2]s HOST:PORT", data, m.cfg.ID)
	case errors.Is(err, cluster.ErrWentBack):
		text = fmt.Sprintf("What to do: do not start this member on %[1]s again. It is not what it was: an earlier\n"+
			"state of the folder, or a new one under an old id. It would have forgotten transfers that\n"+
			"are final and votes that it has cast.\n%[2]s", data, m.replacement())
	case errors.Is(err, cluster.ErrDamaged):
		text = fmt.Sprintf("What to do: check the disk and the memory of this machine, and do not put an earlier\n"+
			"state of %[1]s in its place: acknowledged transfers could be lost with it.\n%[2]s", data, m.replacement())
	case errors.Is(err, folder.ErrKey):
		text = fmt.Sprintf("What to do: check the disk. If there is a copy of %[1]s, put it back. Else this\n"+
			"member has to be replaced by one with a key of its own: nobody else has this one.\n%[2]s", m.path(folder.MemberKey), m.replacement())
	case errors.Is(err, cluster.ErrDiskHangs):
		text = fmt.Sprintf("What to do: the disk of this machine did not answer; another member leads meanwhile. Look at\n"+
			"the kernel's log and at the storage. When the disk answers, start this member again on\n"+
			"%s as it is: nothing in it is known to be damaged.", data)
	default:
		text, known = fmt.Sprintf("What to do: look at the error, and at the disk and the memory of this machine. Then start\n"+
			"this member again on %s as it is.", data), false
	}
	return text, known
}

// remedy implements kind.
func (f *Follower) remedy(err error) (text string, known bool) {
	if lost := (lostFiles{}); errors.As(err, &lost) {
		return f.remedyLost(lost), true
	}
	if errors.Is(err, personal.ErrDamaged) {
		return fmt.Sprintf("What to do: check the disk. %[1]s holds this node's own chain, which\n"+
			"nobody else has: keep it. The node starts again, and begins another chain of its own, after\n"+
			"  %[2]s --anew\n"+
			"which moves the file aside and deletes nothing.", f.path(folder.Personal), f.rebuild()), true
	}
	return fmt.Sprintf("What to do: check the disk. Then\n"+
			"  %[1]s\n"+
			"mends what others have, or moves it aside, and this node, started again, fetches and\n"+
			"verifies it anew. It leaves %[2]s, which nobody else has.", f.rebuild(), f.path(folder.Personal)),
		errors.Is(err, store.ErrDamaged) || errors.Is(err, folder.ErrDirectory) || errors.Is(err, chainsync.ErrDamaged)
}

// rebuild is the command that mends this follower's folder.
func (f *Follower) rebuild() string {
	var upstreams []string
	for _, s := range f.cfg.Sources {
		for _, u := range s.Upstreams {
			if shownURL(u) == u && !slices.Contains(upstreams, u) {
				upstreams = append(upstreams, u)
			}
		}
	}
	return rebuildCommand(f.cfg.Data, "", upstreams)
}

// rebuild is the command that mends this member's folder.
func (m *Member) rebuild() string {
	return rebuildCommand(m.cfg.Data, m.cfg.ID, m.neighbours())
}

// rebuildCommand is to be copied to a shell as it is.
func rebuildCommand(data, id string, others []string) string {
	command := "bpsc cluster rebuild --data " + quoted(data)
	if id != "" {
		command += " --id " + quoted(id)
	}
	if len(others) > 0 {
		command += " --server " + quoted(strings.Join(others, ","))
	}
	return command
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:,@%+=", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// remedy implements kind.
func (w *Witness) remedy(error) (string, bool) { return "", false }

// replacement says how this member gets what its folder has not from the others.
func (m *Member) replacement() string {
	others := m.cfg.others()
	if len(others) == 0 && len(m.cfg.Peers) > 0 {
		return "If no other member has the data, restore the newest backup: bpsc backup restore."
	}
	who := strings.Join(others, " and ")
	if who == "" {
		who = "the other members"
	}
	elsewhere := ""
	if len(m.neighbours()) == 0 { // it has met nobody yet
		elsewhere = "Run it where the API of another member is the one of `bpsc context`, or BPSC_SERVER names it.\n"
	}
	return fmt.Sprintf("Wait for %[1]s: they have the data and go on without this member. Start those that are\n"+
		"down. Then start this member again while this waits for it:\n%[3]s"+
		"  %[2]s", who, m.rebuild(), elsewhere)
}

// refuseDiverged refuses a state that is not the majority's before somebody has looked.
func refuseDiverged(data, command string) error {
	text, err := os.ReadFile(filepath.Join(data, folder.Diverged))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w\n\n%s", fmt.Errorf("%s says: %s", folder.Diverged, text), divergedRemedy(command))
}

func divergedRemedy(command string) string {
	return fmt.Sprintf("What to do: find out why: look at the memory and the disk of this machine first. Then\n"+
		"  %[1]s\n"+
		"moves the state and %[2]s aside, and this member, started again, builds it anew. Where that\n"+
		"comes to the same, --anew replaces the member.", command, folder.Diverged)
}
