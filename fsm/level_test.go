package fsm

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store"
)

// says makes a member of the configuration say which levels it knows.
func (r *rig) says(member string, level release.Level) {
	r.t.Helper()
	q := &command.Announce{Member: member, URL: "http://" + member, Key: signer(r.t, member).String(), Level: level}
	require.Empty(r.t, r.apply(q)[0].Refused)
}

// activate asks for a level that this binary need not know.
func (r *rig) activate(need release.Need) (code chain.Code, detail string) {
	r.t.Helper()
	r.index++
	require.NoError(r.t, r.store.Update(r.index, func(tx *store.Tx) error {
		if err := activate(tx, need); err != nil {
			code, detail = codeOf(err), err.Error()
		}
		return nil
	}))
	return code, detail
}

// A level is activated once every member of the configuration has said that it knows
// it, and never taken back.
func TestActivate(t *testing.T) {
	r := newRig(t)
	next := release.Need{Level: release.Newest + 1, Release: "9.0.0"}
	code, detail := r.activate(next)
	require.Equal(t, chain.LevelUnsupported, code)
	require.Contains(t, detail, "not known who the members are")

	r.configure([]string{"n1", "n2", "n3"})
	r.says("n1", next.Level)
	r.says("n2", next.Level-1)
	code, detail = r.activate(next)
	require.Equal(t, chain.LevelUnsupported, code)
	require.Contains(t, detail, "needs bpsc 9.0.0 or newer")
	require.Contains(t, detail, fmt.Sprint("n2 knows levels up to ", release.Newest))
	require.Contains(t, detail, "n3 has not said")

	r.says("n2", next.Level)
	r.says("n3", next.Level+1)
	require.Equal(t, release.For(release.First), r.store.Level())
	code, _ = r.activate(next)
	require.Empty(t, code)
	require.Equal(t, next, r.store.Level())

	code, _ = r.activate(next)
	require.Empty(t, code, "it is active")
	require.Equal(t, chain.LevelActive, r.apply(&command.Activate{Level: release.First, Release: "0.1.0"})[0].Refused)
	r.says("n1", release.First) // an older binary, which stops when it comes to this
	require.Equal(t, next, r.store.Level())
}

// A member that was removed has no say, and one that came since has.
func TestActivateGoesByTheConfiguration(t *testing.T) {
	const joiner = "n4~0123456789abcdef0123456789abcdef"
	r := newRig(t)
	next := release.Need{Level: release.Newest + 1, Release: "9.0.0"}
	r.configure([]string{"n1", "n2", "n3"})
	r.says("n1", next.Level)
	r.says("n2", next.Level)
	r.configure([]string{"n1", "n2"})
	r.configure([]string{"n1", "n2"}, joiner)
	code, detail := r.activate(next)
	require.Equal(t, chain.LevelUnsupported, code)
	require.Contains(t, detail, joiner)
	require.NotContains(t, detail, "n3 ")
	r.says(joiner, next.Level)
	code, _ = r.activate(next)
	require.Empty(t, code)
}

// The log holds what activates a level that this binary does not know: it stops, and
// says what to install.
func TestALevelThatIsNotKnownStopsTheMember(t *testing.T) {
	r := newRig(t)
	_, err := r.Apply(r.index+1, 0, [][]byte{{0x0a, 0x09, 0x08, 0x63, 0x12, 0x05, '0', '.', '9', '.', '0', 0x5a, 0x02, 0x08, 0x63}})
	require.ErrorIs(t, err, release.ErrTooOld)
	require.ErrorContains(t, err, "install bpsc 0.9.0 or newer")
}
