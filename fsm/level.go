package fsm

import (
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store"
)

// activate puts the cluster on a level, for good, or refuses to while a member has not
// said that it knows the level. To ask for the level that is active changes nothing.
func activate(tx *store.Tx, need release.Need) (refusal error) {
	active := tx.Level()
	switch {
	case need.Level == active:
		return nil
	case need.Level < active:
		return fmt.Errorf("%w: it is %d, and there is no way back to %d", chain.LevelActive, active, need.Level)
	}
	if old := without(tx, need.Level); len(old) > 0 {
		return fmt.Errorf("%w: level %d needs bpsc %s or newer, and %s", chain.LevelUnsupported, need.Level, need.Release, strings.Join(old, ", "))
	}
	tx.SetLevel(need)
	return nil
}

// without says of each member that does not know a level which it knows.
func without(tx *store.Tx, level release.Level) (says []string) {
	members := 0
	for _, id := range tx.MemberIDs() {
		m := tx.Member(id)
		if m.Since == 0 || m.Removed {
			continue
		}
		members++
		switch {
		case m.Level == 0:
			says = append(says, id+" has not said which it knows")
		case m.Level < level:
			says = append(says, fmt.Sprintf("%s knows levels up to %d", id, m.Level))
		}
	}
	if members == 0 {
		says = append(says, "it is not known who the members are")
	}
	return says
}

// tooEarly refuses what is of a level that is not active.
func tooEarly(tx *store.Tx, q command.Request) error {
	if _, switches := q.(*command.Activate); switches {
		return nil
	}
	if level := command.LevelOf(q); level > tx.Level() {
		return fmt.Errorf("%w: it needs level %d, and %d is active", chain.LevelNotActive, level, tx.Level())
	}
	return nil
}
