package auditlog

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func full() Entry {
	return Entry{Number: 300, Time: 1_800_000_000_000_000, Ended: 1_800_000_000_000_500, Result: OK, Action: Action{
		Who: Token, Token: "0102030405ff", Name: "ops", What: "members.remove", Subject: "n2", From: "192.0.2.1:9", Request: "r-1", Member: "n1"}}
}

// Entries are stored, so their bytes stay.
func TestBytesOfAnEntryStayAsTheyAre(t *testing.T) {
	e := full()
	const want = "08ac02108080e2c4f2a299031a440a05746f6b656e120c3031303230333034303566661a036f7073220e6d656d626572732e72656d6f76652a026e32320b3139322e302e322e313a393a03722d3142026e3120f483e2c4f2a299032a026f6b"
	require.Equal(t, want, hex.EncodeToString(e.Encode()))
	back, err := Decode(e.Encode())
	require.NoError(t, err)
	require.Equal(t, e, back)
}

func TestWhatIsNoAction(t *testing.T) {
	secret := "bpsc_" + strings.Repeat("a", 43)
	for name, change := range map[string]func(*Action){
		"nobody":               func(a *Action) { a.Who = "" },
		"somebody":             func(a *Action) { a.Who = "me" },
		"a token without id":   func(a *Action) { a.Token = "" },
		"a local token":        func(a *Action) { a.Who = Local },
		"nothing":              func(a *Action) { a.What = "" },
		"a long text":          func(a *Action) { a.Subject = strings.Repeat("x", MaxText+1) },
		"two lines":            func(a *Action) { a.Name = "a\nb" },
		"bytes that are none":  func(a *Action) { a.From = "\xff" },
		"a token in the clear": func(a *Action) { a.Subject = "x" + secret },
	} {
		e := full()
		change(&e.Action)
		require.ErrorIs(t, e.Check(), ErrInvalid, name)
		require.NotContains(t, e.Check().Error(), secret)
		_, err := Decode(e.Encode())
		require.Error(t, err, name)
	}
	e := full()
	require.NoError(t, e.Check())
	row := e.Encode()
	for _, data := range [][]byte{{}, row[:len(row)-1], append(row[:len(row):len(row)], 0x30, 1)} {
		_, err := Decode(data)
		require.Error(t, err)
	}
}
