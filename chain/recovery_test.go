package chain

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARecoveryIsWhatItsIDSays(t *testing.T) {
	r, err := NewRecovery("ops", "fire", []string{"n1", "n2~0123456789abcdef0123456789abcdef"}, []string{"n1"}, 1_800_000_000_000_000)
	require.NoError(t, err)
	require.NoError(t, checkRecovery(&r))
	require.Equal(t, `{"id": "6745504308798d9a1558e842f10324e2545a3c7493d22b1c4a352268443e58c7", "kind": "recovery", "members_after": "n1", `+
		`"members_before": "n1,n2~0123456789abcdef0123456789abcdef", "reason": "fire", "sender": "ops", "time": 1800000000.0}`, string(AppendRecord(nil, &r, 6)))
	back, err := DecodeRecord(AppendRecord(nil, &r, 6), 6)
	require.NoError(t, err)
	require.Equal(t, r, back)
	require.Zero(t, r.RoleOf("ops"), "it is nobody's wallet")
	var m Mention
	require.NotZero(t, m.Read(AppendRecord(nil, &r, 6)))
	require.Zero(t, m.RoleOf("ops"))
	for name, spoil := range map[string]func(r *Record){
		"another reason":        func(r *Record) { r.Reason = "flood" },
		"another time":          func(r *Record) { r.Time++ },
		"an amount":             func(r *Record) { r.AmountSend = 1 },
		"a recipient":           func(r *Record) { r.Recipient = "b" },
		"a signature":           func(r *Record) { r.Auth = &Auth{} },
		"nobody who did it":     func(r *Record) { r.Sender = "" },
		"members out of order":  func(r *Record) { r.MembersBefore = "n2,n1" },
		"a member twice":        func(r *Record) { r.MembersAfter = "n1,n1" },
		"an empty name":         func(r *Record) { r.MembersAfter = "n1," },
		"what a terminal obeys": func(r *Record) { r.Reason = "\x1b[2J" },
		"far too many":          func(r *Record) { r.MembersAfter = strings.Repeat("n", MaxMembersBytes+1) },
	} {
		bad := r
		spoil(&bad)
		if name != "another reason" && name != "another time" {
			bad.ID = bad.recoveryID()
		}
		require.ErrorIs(t, checkRecovery(&bad), ErrInvalid, name)
	}
}

// The largest there can be fits into a record.
func TestTheLargestRecoveryIsARecord(t *testing.T) {
	members := []string{strings.Repeat("n", MaxMembersBytes)}
	r, err := NewRecovery(strings.Repeat("é", MaxNameBytes/2), strings.Repeat("é", MaxReasonBytes/2), members, members, MaxTimestamp)
	require.NoError(t, err)
	require.Less(t, len(AppendRecord(nil, &r, 6)), MaxRecordBytes)
}
