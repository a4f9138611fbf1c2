package chain

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// NewRecovery is the record that marks where what was left of a cluster went on without
// a majority of its members: by whom, why, and with which members, whose identities are
// sorted. It moves nothing. It fails with RecoveryInvalid.
func NewRecovery(by, reason string, before, after []string, at Micros) (Record, error) {
	r := Record{Kind: Recovery, Sender: by, Reason: Reason(reason), Time: at,
		MembersBefore: strings.Join(before, memberSeparator), MembersAfter: strings.Join(after, memberSeparator)}
	err := r.validateRecovery()
	if err == nil && (strings.Count(r.MembersBefore, memberSeparator) >= len(before) || strings.Count(r.MembersAfter, memberSeparator) >= len(after)) {
		err = fmt.Errorf("%w: a member's identity has no %q", RecoveryInvalid, memberSeparator)
	}
	if err != nil {
		return Record{}, err
	}
	r.ID = r.recoveryID()
	return r, nil
}

// memberSeparator stands between members in a record.
const memberSeparator = ","

func (r *Record) validateRecovery() error {
	if !isPlain(r.Sender, MaxNameBytes) || !isPlain(string(r.Reason), MaxReasonBytes) {
		return fmt.Errorf("%w: it says who did it and why, in 1 to %d and 1 to %d bytes without control characters",
			RecoveryInvalid, MaxNameBytes, MaxReasonBytes)
	}
	for _, list := range []string{r.MembersBefore, r.MembersAfter} {
		members := strings.Split(list, memberSeparator)
		if len(list) > MaxMembersBytes || !slices.IsSorted(members) || len(slices.Compact(slices.Clone(members))) != len(members) {
			return fmt.Errorf("%w: members are in order, each once, in at most %d bytes", RecoveryInvalid, MaxMembersBytes)
		}
		for _, m := range members {
			if strings.Trim(m, identityBytes) != "" || m == "" {
				return fmt.Errorf("%w: nobody is called %.80q", RecoveryInvalid, m)
			}
		}
	}
	return nil
}

// identityBytes are those of the members' identities.
const identityBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-~"

// isPlain tells whether a text is of 1 to most bytes and has nothing that a terminal obeys.
func isPlain(text string, most int) bool {
	return text != "" && len(text) <= most && validUTF8("", text) == nil && strings.IndexFunc(text, unicode.IsControl) < 0
}

// recoveryID is the id of a recovery: SHA-256 of all else that the record says.
func (r *Record) recoveryID() ID {
	without := *r
	without.ID = ID{}
	return sha256.Sum256(AppendRecord([]byte("bpsc/recovery/v1\n"), &without, 0))
}

// checkRecovery checks the form of a recovery. Who made it is not known to a chain: it is
// there for whoever reads it, and takes nothing from anybody.
func checkRecovery(r *Record) error {
	want := Record{Kind: Recovery, ID: r.ID, Sender: r.Sender, Reason: r.Reason, Time: r.Time,
		MembersBefore: r.MembersBefore, MembersAfter: r.MembersAfter}
	if want != *r {
		return invalid("a recovery has fields of other records")
	}
	if err := r.validateRecovery(); err != nil {
		return invalid("%v", err)
	}
	if r.ID != r.recoveryID() {
		return invalid("the id of a recovery is that of what it says")
	}
	return nil
}
