package hashtable

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/keys"
)

func TestAccountsAreWhatAMapHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type key struct {
			contract uint32
			name     string
		}
		sets := []*Accounts{NewAccounts()}
		want := []map[key]chain.Account{{}}
		for i := range rapid.IntRange(1, 300).Draw(t, "changes") {
			if rapid.IntRange(0, 99).Draw(t, "begin another") == 0 {
				sets = append(sets, sets[len(sets)-1].Alike())
				want = append(want, map[key]chain.Account{})
			}
			set, has := sets[len(sets)-1], want[len(want)-1]
			k := key{rapid.Uint32Range(0, 2).Draw(t, "contract"), fmt.Sprint("n", rapid.IntRange(0, 40).Draw(t, "name"))}
			a := chain.Account{Balance: chain.Amount(i), Records: uint64(i)}
			_, known := has[k]
			require.Equal(t, !known, set.Set(set.Hash(k.contract, k.name), k.contract, k.name, a))
			has[k] = a
		}
		for i, set := range sets {
			require.Len(t, set.list, len(want[i]))
			for contract := range uint32(3) {
				for n := range 42 {
					k := key{contract, fmt.Sprint("n", n)}
					a, known := want[i][k]
					found := set.Find(sets[0].Hash(contract, k.name), contract, k.name)
					require.Equal(t, known, found != nil)
					if known {
						require.Equal(t, a, *found)
					}
				}
			}
		}
		both := NewAccounts()
		for i, set := range sets {
			both.Add(set)
			for k, a := range want[i] {
				require.Equal(t, a, *both.Find(both.Hash(k.contract, k.name), k.contract, k.name))
			}
		}
	})
}

func TestIDsAreWhatAMapHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, want := NewIDs(), map[keys.ID]Placed{}
		key := func(n int) keys.ID { return keys.ID{Contract: uint32(n % 3), ID: chain.DeriveID([]byte{byte(n / 3)})} }
		for i := range rapid.IntRange(0, 300).Draw(t, "changes") {
			k := key(rapid.IntRange(0, 200).Draw(t, "id"))
			p := Placed{Key: k, Block: uint64(i) + 1, Position: uint32(i), Content: [12]byte{byte(i)}}
			s.Set(p)
			want[k] = p
		}
		require.Len(t, s.list, len(want))
		for n := range 210 {
			k := key(n)
			at := s.Find(&k)
			p, known := want[k]
			require.Equal(t, known, at != nil)
			if known {
				require.Equal(t, p, *at)
			}
		}
		alike := s.Alike()
		require.Empty(t, alike.List())
	})
}

// Two keys of one hash, or of one upper half of it, are still two.
func TestPlacesOfOneHash(t *testing.T) {
	var x index
	x.grow(0)
	for entry := range 100 {
		x.add(7<<entryBits|uint64(entry), entry)
	}
	x.add(8<<entryBits, 100)
	var found []int
	for entry, slot := x.next(7<<entryBits, x.first(7<<entryBits)); entry >= 0; entry, slot = x.next(7<<entryBits, slot) {
		found = append(found, entry)
	}
	require.Len(t, found, 100)
	require.ElementsMatch(t, found, func() (all []int) {
		for entry := range 100 {
			all = append(all, entry)
		}
		return all
	}())
}
