package token

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The text of a token, its hash and its name are what clients and clusters keep.
func TestBytesOfATokenStayAsTheyAre(t *testing.T) {
	text, hash, err := New(strings.NewReader(strings.Repeat("\x01\xfe", 16)))
	require.NoError(t, err)
	require.Equal(t, "bpsc_Af4B_gH-Af4B_gH-Af4B_gH-Af4B_gH-Af4B_gH-Af4", text)
	require.Len(t, text, TextBytes)
	require.Equal(t, "2558f9034d85", hash.ID())
	again, err := Parse(text)
	require.NoError(t, err)
	require.Equal(t, hash, again)

	full := &Token{Hash: hash, Name: "ci", Roles: Read | Submit, Contract: "aka", Made: 1_700_000_000, Expires: 1_800_000_000, Parent: "0102030405ff", Revoked: 1_750_000_000}
	require.Equal(t, "0a20"+hex.EncodeToString(hash[:])+"1202636918032203616b612880e2cfaa063080a4a7da063a0c30313032303330343035666640"+"80c3bbc206", hex.EncodeToString(full.Encode()))
	back, err := Decode(full.Encode())
	require.NoError(t, err)
	require.Equal(t, full, back)
	_, _, err = New(strings.NewReader("too short"))
	require.ErrorContains(t, err, "random")
}

func TestWhatIsNotATokenIsNone(t *testing.T) {
	good, _, err := New(strings.NewReader(strings.Repeat("a", 32)))
	require.NoError(t, err)
	for _, text := range []string{"", "bpsc_", good[1:], good + "a", good[:len(good)-1], strings.ToUpper(good), "BPSC_" + good[5:], good[:20] + "=" + good[21:],
		good[:20] + "+" + good[21:], good[:len(good)-1] + "B", " " + good[1:]} {
		_, err := Parse(text)
		require.ErrorIs(t, err, ErrInvalid, text)
		require.NotContains(t, err.Error(), "YWFh")
	}
	for text, want := range map[string]bool{good: true, "x" + good + "y": true, "bpsc_wallet_address": false, "": false, good[:len(good)-1]: false,
		"bpsc_bpsc_" + good: true, "bpsc_" + strings.Repeat("a", 42) + " ": false} {
		require.Equal(t, want, In(text), text)
	}
	row := (&Token{Name: "x", Roles: Read}).Encode()
	for name, data := range map[string][]byte{"nothing": {}, "cut off": row[:len(row)-1], "more": append(row[:len(row):len(row)], 0x48, 1),
		"no name": (&Token{Roles: Read}).Encode(), "no role": (&Token{Name: "x"}).Encode(), "a role to come": (&Token{Name: "x", Roles: 8}).Encode(),
		"a name of two lines": (&Token{Name: "x\ny", Roles: Read}).Encode(), "a long name": (&Token{Name: strings.Repeat("x", 65), Roles: Read}).Encode()} {
		_, err := Decode(data)
		require.Error(t, err, name)
	}
}

func TestRoles(t *testing.T) {
	require.True(t, Operate.Has(Read|Submit))
	require.False(t, Submit.Has(Read), "who may send transactions may not read for that")
	require.True(t, (Read | Submit).Within(Operate))
	require.False(t, Operate.Within(Read|Submit))
	require.Equal(t, "read,submit,operate", all.String())
	_, err := ParseRoles([]string{"read", "root"})
	require.ErrorContains(t, err, `"root"`)
	var r Roles
	require.NoError(t, json.Unmarshal([]byte(`["operate","read"]`), &r))
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.Equal(t, `["read","operate"]`, string(text))
	require.Error(t, json.Unmarshal([]byte(`["write"]`), &r))
	require.Error(t, json.Unmarshal([]byte(`3`), &r))
}

// What a token covers may do nothing that it may not, at no time.
func TestCoversIsNoMoreThanItself(t *testing.T) {
	draw := func(t *rapid.T, name string) *Token {
		return &Token{Roles: Roles(rapid.IntRange(1, 7).Draw(t, name+" roles")), Contract: rapid.SampledFrom([]string{"", "aka", "usd"}).Draw(t, name+" contract"),
			Expires: rapid.SampledFrom([]int64{0, 5, 10}).Draw(t, name+" expires"), Revoked: rapid.SampledFrom([]int64{0, 7}).Draw(t, name+" revoked")}
	}
	rapid.Check(t, func(t *rapid.T) {
		parent, child := draw(t, "parent"), draw(t, "child")
		parent.Revoked = 0
		may := func(k *Token, role Roles, contract string, now int64) bool {
			return k.Live(now) && k.Roles.Has(role) && (k.Contract == "" || k.Contract == contract)
		}
		more := false
		for _, role := range []Roles{Read, Submit, Operate} {
			for _, contract := range []string{"aka", "usd", "eur"} {
				for _, now := range []int64{4, 5, 9, 10, 11} {
					free := *child
					free.Revoked = 0
					more = more || may(&free, role, contract, now) && !may(parent, role, contract, now)
				}
			}
		}
		if parent.Covers(child) == more {
			t.Fatalf("%+v covers %+v: %v, and it may do more: %v", parent, child, parent.Covers(child), more)
		}
		for _, now := range []int64{4, 5, 7, 11} {
			if child.Revoked > now {
				continue // to come
			}
			if (child.Ended(now) > 0) == child.Live(now) || child.Ended(now) > now {
				t.Fatalf("%+v ended %d and lives at %d", child, child.Ended(now), now)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add((&Token{Name: "x", Roles: Read, Contract: "aka", Expires: 9}).Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := Decode(data); err == nil {
			again, err := Decode(k.Encode())
			require.NoError(t, err)
			require.Equal(t, k, again)
		}
	})
}
