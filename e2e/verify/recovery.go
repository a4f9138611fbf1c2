package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// checkRecovery checks the mark of a cluster that went on without a majority of its
// members. Nobody signs it, and it moves nothing.
func (l *Ledger) checkRecovery(r Record, b Block) error {
	if r.Reason == "" || len(r.Reason) > 512 || r.Sender == "" || len(r.Sender) > 128 {
		return errors.New("it does not say who did it and why")
	}
	for _, list := range []string{r.MembersBefore, r.MembersAfter} {
		members := strings.Split(list, ",")
		if slices.Contains(members, "") || !slices.IsSorted(members) || len(slices.Compact(slices.Clone(members))) != len(members) {
			return fmt.Errorf("members are %q", list)
		}
	}
	rest := maps.Clone(r.fields)
	delete(rest, "id")
	if sum := sha256.Sum256(append([]byte("bpsc/recovery/v1\n"), object(rest)...)); r.ID != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("its id is %s, what it says hashes to %x", r.ID, sum)
	}
	if l.signed() {
		_, err := l.checkTime(r, b)
		return err
	}
	return l.checkTimeOfOpen(r, b)
}

// checkTimeOfOpen checks the one time that a record of an open contract can have.
func (l *Ledger) checkTimeOfOpen(r Record, b Block) error {
	at, err1 := moment(r.Time)
	end, err2 := moment(b.Timestamp)
	begin, err3 := moment(l.Blocks[len(l.Blocks)-1].Timestamp)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if later := l.marked; later != nil && at.Cmp(later) < 0 || at.Cmp(begin) < 0 || at.Cmp(end) > 0 {
		return fmt.Errorf("its time %s is not in its place", r.Time)
	}
	l.marked = new(big.Rat).Set(at)
	return nil
}
