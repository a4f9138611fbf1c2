package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/store"
)

// explain implements kind.
func (m *Member) explain(err error) error {
	_, known := durable.Advice(err)
	for _, kind := range []error{store.ErrDamaged, cluster.ErrDamaged, cluster.ErrWentBack, cluster.ErrDiverged} {
		known = known || errors.Is(err, kind)
	}
	if known {
		return fmt.Errorf("%w\n\n%s", err, m.remedy(err))
	}
	return err
}

// remedy is what an operator is told when a member cannot start or go on. It
// never advises an earlier state of the folder: a member that went back in time
// takes acknowledged transfers with it, as an empty folder would.
func (m *Member) remedy(err error) string {
	cfg := &m.cfg
	if advice, system := durable.Advice(err); system {
		return systemRemedy(advice, cfg.Data)
	}
	switch {
	case errors.Is(err, store.ErrDamaged):
		return fmt.Sprintf("What to do: check the disk and the memory of this machine. Then move %[1]s/state aside\n"+
			"and start this member again: the state is rebuilt from the snapshots and the log in %[1]s/raft.", cfg.Data)
	case errors.Is(err, cluster.ErrDiverged):
		return fmt.Sprintf("What to do: stop all members and leave their folders, %s among them, as they are.\n"+
			"Some hold transfers as final that others do not have, and no program can tell which\n"+
			"history counts. People have to decide, by the checkpoints, receipts and copies of the\n"+
			"chain that clients, followers and witnesses keep. No member serves until then.", cfg.Data)
	case errors.Is(err, cluster.ErrWentBack):
		return fmt.Sprintf("What to do: do not start this member again, and leave %[1]s as it is. It is not what it\n"+
			"was: an earlier state of the folder, or a new one under an old id.\n%[2]s\n"+
			"It would have forgotten transfers that are final and votes that it has cast.", cfg.Data, waitForOthers(cfg.others()))
	case errors.Is(err, cluster.ErrDamaged):
		return fmt.Sprintf("What to do: check the disk and the memory of this machine, and leave %[1]s as it is.\n%[2]s\n"+
			"Nothing may take the place of %[1]s: an earlier state of it is as unsafe as an empty\n"+
			"folder, for acknowledged transfers could be lost with either.", cfg.Data, waitForOthers(cfg.others()))
	}
	return fmt.Sprintf("What to do: look at the error, and at the disk and the memory of this machine. Then start\n"+
		"this member again on %s as it is.", cfg.Data)
}

// systemRemedy is for errors of the operating system.
func systemRemedy(advice, data string) string {
	return fmt.Sprintf("What to do: %s.\nThen start again on %s as it is: nothing in it is known to be damaged.", advice, data)
}

// explainSystem adds what to do to errors of the operating system.
func explainSystem(err error, data string) error {
	if advice, system := durable.Advice(err); system {
		return fmt.Errorf("%w\n\n%s", err, systemRemedy(advice, data))
	}
	return err
}

// waitForOthers says who has the data that this member cannot give.
func waitForOthers(others []string) string {
	if len(others) == 0 {
		return "No other member has the data."
	}
	return fmt.Sprintf("Wait for %s: they have the data and go on without this member. Start those that are down.",
		strings.Join(others, " and "))
}

// divergedFile keeps a member whose state is not that of the majority from
// starting before somebody has looked.
const divergedFile = "DIVERGED"

func refuseDiverged(data string) error {
	text, err := os.ReadFile(filepath.Join(data, divergedFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w\n\n%s", fmt.Errorf("%s says: %s", divergedFile, text), divergedRemedy(data))
}

func divergedRemedy(data string) string {
	return fmt.Sprintf("What to do: find out why: look at the memory and the disk of this machine first. Then move\n"+
		"%[1]s/state and %[1]s/%[2]s aside and start again: the state is rebuilt from the\n"+
		"snapshots and the log in %[1]s/raft.", data, divergedFile)
}
